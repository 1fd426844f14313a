"""Audit paths and consistency proofs are those of RFC 6962, made one way and checked another."""

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.audit.merkle import Frontier, leaf_hash, node_hash
from storage.audit.proofs import consistency, inclusion
from storage.verifier import root_by, roots_by
from tests.storage.test_audit import LEAVES, ROOT_OF_EIGHT

# Certificate Transparency's own test data over the eight leaves: entry and size to the path; both sizes to the proof.
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
PROOFS = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def naive(leaves, first, last):
    """The definition, RFC 6962 2.1, word by word."""
    count = last - first
    if count == 1:
        return leaves[first]
    half = max(power for power in (1 << bit for bit in range(20)) if power < count)
    return node_hash(naive(leaves, first, first + half), naive(leaves, first + half, last))


def of(leaves):
    return lambda first, last: naive(leaves, first, last)


def test_paths_and_proofs_are_those_of_certificate_transparency():
    """Its published vectors over the eight leaves."""
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]

    assert naive(leaves, 0, 8).hex() == ROOT_OF_EIGHT
    for (seq, size), path in PATHS.items():
        assert [one.hex() for one in inclusion(of(leaves), seq, size)] == path
    for (old, size), proof in PROOFS.items():
        assert [one.hex() for one in consistency(of(leaves), old, size)] == proof


def test_every_path_and_proof_up_to_forty_entries_holds():
    """All 820 pairs of each kind, checked by the verifier's other way of computing."""
    leaves = [leaf_hash(bytes([number])) for number in range(40)]

    for size in range(1, 41):
        root = naive(leaves, 0, size)
        for seq in range(size):
            assert root_by(leaves[seq], seq, size, inclusion(of(leaves), seq, size)) == root
        for old in range(1, size + 1):
            proof = consistency(of(leaves), old, size)
            assert roots_by(naive(leaves, 0, old), old, size, proof) == root


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 700), st.data())
def test_a_bent_path_or_proof_leads_elsewhere(size, data):
    """Another leaf, another place, another size, a hash changed, left out or added: none leads to the root."""
    leaves = [leaf_hash(number.to_bytes(2, "big")) for number in range(size)]
    root, seq, old = (
        naive(leaves, 0, size),
        data.draw(st.integers(0, size - 1)),
        data.draw(st.integers(1, size)),
    )
    path, proof = inclusion(of(leaves), seq, size), consistency(of(leaves), old, size)
    before, other = naive(leaves, 0, old), leaf_hash(b"another")
    tree = Frontier()
    for leaf in leaves:
        tree.add(leaf)

    assert tree.root() == root == root_by(leaves[seq], seq, size, path) == roots_by(before, old, size, proof)
    assert len(path) <= (size - 1).bit_length()
    assert root_by(other, seq, size, path) != root != roots_by(other, old, size, proof)
    assert root_by(leaves[seq], size + seq, size, path) is None is roots_by(before, size + 1, size, proof)
    assert root_by(leaves[seq], seq ^ 1, size, path) != root
    assert (
        root_by(leaves[seq], seq, size, [*path, other])
        != root
        != roots_by(before, old, size, [*proof, other])
    )
    for way, given_ in (
        (lambda p: root_by(leaves[seq], seq, size, p), path),
        (lambda p: roots_by(before, old, size, p), proof),
    ):
        for place in range(len(given_)):
            assert way([*given_[:place], *given_[place + 1 :]]) != root
            assert way([*given_[:place], other, *given_[place + 1 :]]) != root
