"""Signed reports leave with the site's seal; drafts do not; record, page and command line say so."""

import hashlib
import sys

import pytest

from app.cli import main
from storage.audit.search import find
from storage.database import Actor
from storage.verifier import CLEAN
from tests.app.conftest import open_world, settled, upload
from tests.app.test_papers import asked
from tests.app.test_reading import drafted, signed
from tests.storage.seals import seal_folder


@pytest.fixture(scope="module")
def sealing(tmp_path_factory):
    """An application with a seal, its reader, a draft's paper and the signed report's."""
    folder = tmp_path_factory.mktemp("sealing")
    seal_folder(folder / "seal", long_term=True)
    with open_world(folder, paper_seal=folder / "seal") as world:
        browser = world.sign_in("clinician")
        _, report = drafted(world, browser, lambda *them: settled(them[0], upload(*them)))
        draft = browser.get(f"/api/reports/{report['id']}/pdf").content
        assert signed(browser, report).status_code == 200
        answer = browser.get(f"/api/reports/{report['id']}/pdf")
        assert answer.status_code == 200, answer.text
        yield world, browser, draft, answer.content, folder


def test_the_record_holds_the_digest_of_what_left_and_the_page_tells_of_the_seal(sealing):
    """The digest is taken after sealing; a draft carries no signature and nothing says that it does."""
    world, browser, draft, paper, _ = sealing

    found, before = asked(browser, paper), asked(browser, draft)

    assert found["verdict"] == "genuine" and found["seal"]["level"] == "B-LTA"
    assert before["seal"] is None and b"/ETSI.CAdES.detached" not in draft
    with world.services.database.read(Actor(id="t", role="system")) as tx:
        newest = find(tx.session, action="report.exported")[0]
    assert newest["output_sha256"] == hashlib.sha256(paper).hexdigest()
    assert newest["seal"] == found["seal"] and len(newest["seal"]["certificate_sha256"]) == 64


def test_the_command_says_who_sealed_a_paper(sealing, capsys, monkeypatch):
    """With the roots named it says whether they vouch; without a signature it says nothing of one."""
    world, _, draft, paper, folder = sealing
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(folder))
    log = folder / "log.jsonl"
    log.write_bytes(b"".join(world.services.database.export_log(Actor(id="t", role="system"))))
    (folder / "paper.pdf").write_bytes(paper)
    (folder / "draft.pdf").write_bytes(draft)
    (folder / "bent.pdf").write_bytes(paper.replace(b"/Lang", b"/Gang", 1))
    roots = ["--roots", str(folder / "seal" / "roots.pem")]

    def told(name, *more):
        status = main(["verify", str(log), "--paper", str(folder / name), *more])
        return status, capsys.readouterr().out

    status, words = told("paper.pdf", *roots)
    assert status == CLEAN and "The paper left as it is" in words
    assert "Digitally signed as Phantom Hospital" in words and "by a time-stamp that counts" in words
    assert "Nothing was changed since. The certificate leads to the roots." in words
    assert "Who that is was not proved" in told("paper.pdf")[1]
    assert "It carries no digital signature." in told("draft.pdf", *roots)[1]
    status, words = told("bent.pdf", *roots)
    assert status != CLEAN and ("was changed since" in words or "cannot be read" in words)


def test_without_the_library_a_seal_is_refused_in_words(tmp_path, monkeypatch):
    """An installation that shall seal and cannot does not start."""
    from storage.pdf.signing import open_seal

    monkeypatch.setitem(sys.modules, "pyhanko.sign", None)

    with pytest.raises(ValueError, match="papers"):
        open_seal(tmp_path)
