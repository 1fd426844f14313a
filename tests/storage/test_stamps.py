"""An authority's time over checkpoints: what is kept holds, also for OpenSSL, and what does not hold is not kept."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from storage.audit.search import checkpoints_in, checkpoints_of
from storage.audit.stamps import Stamps, about, judged, name_of, request_for
from storage.errors import SealBroken
from storage.pdf.signing import roots_in
from tests.storage.authority import Authority, served


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    with served(tmp_path_factory.mktemp("authority")) as one:
        yield one


@pytest.fixture
def sealed(database, clinician, clock):
    """Three checkpoints, an hour apart, the last one just now."""
    clock.now = datetime.now(UTC) - timedelta(hours=2)
    for _ in range(3):
        with database.write(clinician) as tx:
            tx.record("study.read")
        database.seal_log()
        clock.advance(hours=1)
    log, found = checkpoints_in(database.engine.url.render_as_string(hide_password=False))
    return log, found


def newest(sealed):
    return sealed[1][max(sealed[1])][0]


def test_a_checkpoint_is_stamped_and_openssl_agrees(authority, sealed, tmp_path):
    """The authority's name and time come back, and the kept files are checked by a program that is not ours."""
    stamps = Stamps(tmp_path / "stamps", authority.roots, authority.url)

    stamp = stamps.ask(newest(sealed))

    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (stamp.size, stamp.log, "Phantom Clock" in stamp.by) == (max(sealed[1]), sealed[0], True)
    assert stamps.everything() == [stamp]
    place = tmp_path / "stamps" / name_of(newest(sealed))
    command = ["openssl", "ts", "-verify", "-data", f"{place}.json", "-in", f"{place}.tst", "-token_in"]
    done = subprocess.run([*command, "-CAfile", str(authority.roots)], capture_output=True, text=True)
    assert done.returncode == 0 and "Verification: OK" in done.stdout + done.stderr, done


def test_an_auditor_learns_how_far_they_reach_and_the_longest_gap(
    authority, sealed, database, clinician, tmp_path
):
    """From the database and from an exported log alike; of a log without any it is said."""
    log, found = sealed
    stamps = Stamps(tmp_path / "stamps", authority.roots, authority.url)
    assert "No checkpoint" in about([], log, found, stamps.folder)[0]
    stamps.ask(newest(sealed))

    reach, gap = about(stamps.everything(), log, found, stamps.folder)

    assert reach.startswith(
        f"1 of 3 checkpoints carry a time-stamp; the last says that the first {max(found)} entries"
    )
    assert "2.0 hours" in gap
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(database.export_log(clinician)))
    assert set(found.items()) <= set(checkpoints_of(file)[1].items())
    with pytest.raises(LookupError, match="is not in the log"):
        about(
            stamps.everything(),
            log,
            {size: told for size, told in found.items() if size != max(found)},
            stamps.folder,
        )


def test_what_does_not_hold_is_not_kept(authority, sealed, tmp_path):
    """Over other bytes, by an authority nobody named, cut or bent: a sentence, and nothing in the folder."""
    stranger = Authority(tmp_path / "stranger")
    stamps = Stamps(tmp_path / "stamps", authority.roots, authority.url)
    checkpoint = newest(sealed)
    good = authority.answer(request_for(checkpoint))

    for response in (
        stranger.answer(request_for(checkpoint)),
        good[:-40],
        b"",
        authority.answer(request_for(b'{"size":1,"log":""}')),
    ):
        with pytest.raises(SealBroken):
            stamps.take(checkpoint, response)
    assert not list(tmp_path.glob("stamps/*"))
    assert stamps.take(checkpoint, good).size == max(sealed[1])
    token = next((tmp_path / "stamps").glob("*.tst")).read_bytes()
    roots = roots_in(authority.roots)
    for place in range(0, len(token), 7):
        bent = bytearray(token)
        bent[place] ^= 1
        try:
            told = judged(checkpoint, bytes(bent), roots)
        except SealBroken:
            continue
        # Bytes outside of what is signed, as the version of the structure, say nothing and change nothing.
        assert told == judged(checkpoint, token, roots)


def test_an_authority_that_is_away_is_an_error_and_nothing_else(authority, sealed, tmp_path):
    """Nothing is kept; once it is back the same checkpoint is stamped."""
    stamps = Stamps(tmp_path / "stamps", authority.roots, authority.url)
    authority.is_away = True
    with pytest.raises(OSError, match="503"):
        stamps.ask(newest(sealed))
    authority.is_away = False
    for nonsense in (b"", b"<html>Sign in to the network</html>", b"\x30\x82\xff\xff", bytes(70_000)):
        authority.says = nonsense
        with pytest.raises((SealBroken, OSError)):
            stamps.ask(newest(sealed))
    authority.says = None
    assert not list(stamps.folder.glob("*"))

    assert stamps.ask(newest(sealed)).size == max(sealed[1])
    with pytest.raises(ValueError, match="http"):
        Stamps(tmp_path, authority.roots, "ftp://clock.example")
