"""A sealed paper: anybody can check who sealed it and that nothing came after, without us and without a network."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pikepdf
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.generic import NameObject, TextStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import ades, policy_decl
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

from storage.errors import KeyExposed, KeyMissing, SealBroken
from storage.pdf import render
from storage.pdf.signing import Seal, open_seal, roots_in, sealed
from tests.storage.seals import Root, key_pem, named, pem, seal_folder, write
from tests.storage.test_pdf import content
from tests.verapdf.checker import verdicts


@pytest.fixture(scope="module")
def paper() -> bytes:
    """A report as it is made, the same bytes each time."""
    return render(content())


@pytest.fixture(scope="module")
def kept(tmp_path_factory, paper):
    """A paper that can be checked in ten years, and whom its checker trusts."""
    folder = tmp_path_factory.mktemp("seal")
    seal_folder(folder, long_term=True)
    seal = Seal(folder)
    assert seal.level == "B-LTA"
    return seal.sign(paper)[0], roots_in(folder / "roots.pem")


def test_a_sealed_paper_is_the_same_paper_with_a_seal_behind_it(tmp_path, paper, kept):
    """What was made deterministically stays byte for byte; both levels pass veraPDF as the paper did before."""
    seal_folder(tmp_path / "seal")
    plain, found = Seal(tmp_path / "seal").sign(paper)

    for name, data in (("before", paper), ("plain", plain), ("kept", kept[0])):
        assert data.startswith(paper)
        (tmp_path / f"{name}.pdf").write_bytes(data)
    verdict = verdicts(sorted(tmp_path.glob("*.pdf")))

    assert set(verdict.values()) == {"pass"}, verdict
    assert (found.by, found.intact, found.trusted, found.is_stamped) == (
        "Phantom Hospital",
        True,
        True,
        False,
    )


def test_a_stranger_with_the_root_finds_who_and_when(kept):
    """From the file and the root alone: the lists of revoked certificates came with the paper."""
    data, roots = kept

    found = sealed(data, roots)

    assert found.by == "Phantom Hospital" and found.is_stamped and found.intact and found.trusted
    assert sealed(data, [_other_root()]).trusted is False and sealed(data, [_other_root()]).intact


def _other_root():
    from asn1crypto import x509

    return x509.Certificate.load(Root("Somebody else").certificate.public_bytes(serialization.Encoding.DER))


def test_no_byte_of_what_was_signed_can_change(kept, paper):
    """At forty places of the report itself."""
    data, roots = kept
    for place in range(100, len(paper), len(paper) // 40):
        bent = bytearray(data)
        bent[place] ^= 1
        try:
            found = sealed(bytes(bent), roots)
        except SealBroken:
            continue
        assert found is None or not (found.intact or found.trusted), place


def test_nothing_can_be_added_behind_the_seal(kept):
    """An incremental update leaves the signature itself valid: the certification is what it breaks."""
    writer = IncrementalPdfFileWriter(BytesIO(kept[0]))
    writer.root[NameObject("/Lang")] = TextStringObject("en-GB")
    writer.update_root()
    added = BytesIO()
    writer.write(added)

    found = sealed(added.getvalue(), kept[1])

    assert added.getvalue().startswith(kept[0])
    assert not found.intact and not found.trusted


def judged_later(data, roots):
    """The verdict six years on, when every certificate has ended, from what the paper carries alone.

    source: the library's simulation of ETSI EN 319 102-1, 5.6.3; nothing is fetched
    """
    rules = policy_decl.RevocationInfoGatheringSpec(
        policy_decl.RevinfoOnlineFetchingRule.LOCAL_ONLY,
        certificate_fetching_rule=policy_decl.CertificateFetchingRule.NEVER_FETCH,
    )
    trusted = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=roots),
        revinfo_policy=CertRevTrustPolicy(revocation_checking_policy=REQUIRE_REVINFO),
    )
    how = policy_decl.SignatureValidationSpec(trusted, revinfo_gathering_policy=rules)
    signature = PdfFileReader(BytesIO(data)).embedded_regular_signatures[0]
    later = datetime.now(UTC) + timedelta(days=6 * 365)
    judging = ades.simulate_future_ades_lta_validation(
        signature, policy_decl.PdfSignatureValidationSpec(how), later
    )
    # In a thread: tests in a browser leave a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, judging).result()


def test_a_kept_paper_is_still_proved_when_its_certificates_have_ended(tmp_path, paper, kept):
    """Six years on; one without time-stamp and lists is not, so the check can fail."""
    seal_folder(tmp_path / "seal")
    plain, _ = Seal(tmp_path / "seal").sign(paper)

    found = judged_later(*kept)
    status = found.api_status

    assert found.ades_subindic == AdESPassed.OK
    assert status.intact and status.valid and status.trusted and status.docmdp_ok
    root = roots_in(tmp_path / "seal" / "certificate.pem")[1:]
    assert judged_later(plain, root).ades_subindic != AdESPassed.OK


def test_a_paper_without_a_seal_says_so(paper):
    """It is not called broken, and not called signed."""
    assert sealed(paper, []) is None
    with pytest.raises(SealBroken):
        sealed(b"%PDF-1.7 nothing", [])


@pytest.mark.parametrize("site", [{"days": (-30, -1)}, {"days": (1, 30)}], ids=["ended", "not yet"])
def test_a_certificate_out_of_its_time_seals_nothing(tmp_path, paper, site):
    """Better no paper than one that everybody's reader calls invalid."""
    seal_folder(tmp_path / "seal", **site)

    with pytest.raises(SealBroken):
        Seal(tmp_path / "seal").sign(paper)


def test_a_revoked_certificate_seals_nothing(tmp_path, paper):
    """The list in the folder is asked before the paper leaves."""
    from cryptography import x509

    root = seal_folder(tmp_path / "seal", long_term=True)
    own = x509.load_pem_x509_certificates((tmp_path / "seal" / "certificate.pem").read_bytes())[0]
    write(tmp_path / "seal", "root.crl", root.revoked(own))

    with pytest.raises(SealBroken):
        Seal(tmp_path / "seal").sign(paper)


def test_keys_that_others_may_read_or_nobody_can_open_are_refused(tmp_path):
    """At the start of the application, and not with the first report."""
    folder = tmp_path / "seal"
    seal_folder(folder, long_term=True)
    for name in ("key.pem", "stamp-key.pem"):
        (folder / name).chmod(0o644)
        with pytest.raises(KeyExposed):
            Seal(folder)
        (folder / name).chmod(0o600)
    for name in ("stamp-key.pem", "certificate.pem", "key.pem"):
        (folder / name).write_bytes(b"no key")
        with pytest.raises(KeyMissing):
            Seal(folder)
    assert open_seal(None) is None


def test_one_file_with_a_passphrase_will_do(tmp_path, paper):
    """PKCS#12, as hospitals get their certificates."""
    root, key = Root(), ec.generate_private_key(ec.SECP256R1())
    own = root.issue(named("Phantom Hospital"), key)
    how = serialization.BestAvailableEncryption(b"a passphrase")
    data = pkcs12.serialize_key_and_certificates(b"site", key, own, [root.certificate], how)
    write(tmp_path, "site.p12", data)
    write(tmp_path, "passphrase.txt", b"a passphrase\n")
    assert Seal(tmp_path).sign(paper)[1].by == "Phantom Hospital"

    write(tmp_path, "passphrase.txt", b"another\n")
    with pytest.raises(KeyMissing):
        Seal(tmp_path)


def test_a_pem_key_with_a_passphrase_will_do_too(tmp_path, paper):
    """The passphrase lies beside it, as unreadable to others."""
    root, key = Root(), ec.generate_private_key(ec.SECP256R1())
    write(tmp_path, "certificate.pem", pem(root.issue(named("Phantom Hospital"), key)))
    write(tmp_path, "key.pem", key_pem(key, b"a passphrase"))
    write(tmp_path, "passphrase.txt", b"a passphrase\n")

    data, found = Seal(tmp_path).sign(paper)

    assert found.intact
    with pikepdf.open(BytesIO(data)) as pdf:
        assert pdf.Root.Perms.DocMDP.SubFilter == "/ETSI.CAdES.detached"


def test_a_paper_is_sealed_where_a_loop_runs_already(tmp_path, paper):
    """The library starts a loop of its own: whoever calls from inside of one must not get a broken seal."""
    root, key = Root(), ec.generate_private_key(ec.SECP256R1())
    write(tmp_path, "certificate.pem", pem(root.issue(named("Phantom Hospital"), key)))
    write(tmp_path, "key.pem", key_pem(key))

    async def main() -> bool:
        return Seal(tmp_path).sign(paper)[1].intact

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, main()).result()
