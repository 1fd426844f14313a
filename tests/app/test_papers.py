"""Anyone signed in learns whether a paper is genuine, altered or superseded; no file is sent."""

import hashlib

import pytest

from app import papers
from app.papers import Code
from app.wiring import SYSTEM
from storage.verifier import CLEAN, TAMPERED, verify
from tests.app.conftest import PASSWORD, settled, upload
from tests.app.test_reading import drafted, signed

CODE = Code(report_id="ab" * 16, version=3, content_sha256="cd" * 32)


def asked(browser, data: bytes) -> dict:
    """As the page asks: the digest of the file, and the code as it stands in its metadata."""
    found = papers.CODE.search(data.decode("latin-1"))
    code = found[0] if found else ""
    answer = browser.post(
        "/api/papers/check", json={"sha256": hashlib.sha256(data).hexdigest(), "code": code}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def paper(world):
    """A signed report, its reader, its paper."""
    browser = world.sign_in("clinician")
    _, report = drafted(world, browser, lambda *them: settled(them[0], upload(*them)))
    assert signed(browser, report).status_code == 200
    answer = browser.get(f"/api/reports/{report['id']}/pdf")
    assert answer.status_code == 200
    return browser, report, answer.content


def test_the_printed_code_is_an_address_and_is_read_back():
    """In capitals and digits, which take the least room; without an address where that would tell too much."""
    text = papers.code_text("https://reading.hospital.example", CODE, 812, "ef" * 32)

    assert text == (
        "HTTPS://READING.HOSPITAL.EXAMPLE/PAPER/1:" + "AB" * 16 + ":3:" + "CD" * 32 + ":812:" + "EF" * 32
    )
    assert papers.parse(text) == CODE == papers.parse(papers.code_text("", CODE, 0, "00" * 32))
    for wrong in ("", "DRAGONFLY:1:", text[:-1], text.replace(":3:", ":-3:")):
        assert papers.parse(wrong) is None


def test_a_paper_is_genuine_until_something_newer_is_signed(world, paper):
    """Then the old one is called superseded, and the new one genuine."""
    browser, report, data = paper
    found = asked(browser, data)
    assert (found["verdict"], found["kind"], found["newer"]) == ("genuine", "report", None)
    assert found["left"]["entry"] > 0 and found["signed_at"]

    added = browser.post(
        f"/api/reports/{report['id']}/addenda",
        json={"text": "Compared with 2025.", "password": PASSWORD},
    )
    assert added.status_code in (200, 201), added.text

    later = asked(browser, data)
    assert later["verdict"] == "superseded" and later["newer"]["entry"] > found["left"]["entry"]
    fresh = browser.get(f"/api/reports/{report['id']}/pdf").content
    assert asked(browser, fresh)["verdict"] == "genuine"


def changes_noticed(world, paper, folder, places):
    """What the verifier says of the paper as it is, and the places at which a change went unnoticed."""
    browser, report, _ = paper
    data = browser.get(f"/api/reports/{report['id']}/pdf").content
    database, (log, file) = world.services.database, (folder / "log.jsonl", folder / "paper.pdf")
    log.write_bytes(b"".join(database.export_log(SYSTEM)))
    public = database.audit_keys.public_pem
    file.write_bytes(data)
    untouched, unnoticed = verify(log, public, paper=file), []
    for place in places(len(data)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        verdict = verify(log, public, paper=file)
        if verdict.status != TAMPERED or "never left" not in verdict.lines[0]:
            unnoticed.append(place)
    return untouched, unnoticed


def test_a_change_of_a_byte_is_noticed_by_the_offline_verifier(world, paper, tmp_path):
    """Given the exported log, which holds the digest of what left: at the ends and at places in between."""
    untouched, unnoticed = changes_noticed(
        world, paper, tmp_path, lambda size: [0, size - 1, *range(17, size, size // 40)]
    )

    assert untouched.status == CLEAN and any("left as it is" in line for line in untouched.lines)
    assert unnoticed == []


@pytest.mark.slow
def test_a_change_of_every_single_byte_is_noticed_by_the_offline_verifier(world, paper, tmp_path):
    """The same for each byte of a signed report."""
    untouched, unnoticed = changes_noticed(world, paper, tmp_path, range)

    assert untouched.status == CLEAN and unnoticed == []


def test_a_changed_byte_is_altered_and_another_file_unknown(world, paper):
    """Whether it claims to be from here is read from the file as it is; a claim proves nothing."""
    browser, _, data = paper
    for place in (100, len(data) // 2, len(data) - 10):
        bent = bytearray(data)
        bent[place] ^= 1
        assert asked(browser, bytes(bent))["verdict"] == "altered"

    assert asked(browser, b"%PDF-1.7 something else")["verdict"] == "unknown"
    claim = papers.code_text("", CODE, 1, "00" * 32).encode()
    assert asked(browser, b"%PDF-1.7 " + claim)["verdict"] == "unknown"


def test_every_role_may_ask_and_asking_stands_in_the_record(world, paper):
    """A referrer's office signs in as anybody; the answer names no patient."""
    _, _, data = paper
    for role in ("clinician", "researcher", "admin", "auditor"):
        browser = world.sign_in(role)
        found = asked(browser, data)
        assert found["verdict"] in ("genuine", "superseded")
        assert set(found) == {"verdict", "kind", "left", "newer", "seal", "version", "signed_at"}
        assert world.entries("paper.checked")[0]["paper_sha256"] == hashlib.sha256(data).hexdigest()
    answer = world.browser().post("/api/papers/check", json={"sha256": "", "code": ""})
    assert answer.status_code == 401


def test_the_code_of_a_paper_leads_to_the_page_and_is_checked(world, paper):
    """Scanned with any phone: sign in, then the answer; a made-up code is of no report here."""
    browser, _, data = paper
    text = papers.CODE.search(data.decode("latin-1"))[0]
    led = browser.get(text)
    assert led.status_code == 303
    assert led.headers["location"] == f"/app/paper?code={text.removeprefix('/PAPER/')}"
    assert browser.get("/PAPER/nonsense").headers["location"] == "/app/paper?code="

    code = papers.parse(text)
    found = browser.post("/api/papers/check", json={"code": text}).json()
    assert found["verdict"] in ("code_known", "code_superseded") and found["version"] == code.version
    forged = text.replace(code.content_sha256.upper(), "00" * 32)
    assert browser.post("/api/papers/check", json={"code": forged}).json()["verdict"] == "code_wrong"
    assert browser.post("/api/papers/check", json={"code": ""}).json()["verdict"] == "code_wrong"
    assert browser.post("/api/papers/check", json={"sha256": "zz"}).status_code == 422


def test_a_copy_without_identity_does_not_say_where_it_was_made(world, paper):
    """Its code holds the same facts and no address."""
    _, report, data = paper
    researcher = world.sign_in("researcher")

    copy = researcher.get(f"/api/review/reports/{report['id']}/pdf").content

    address = world.services.settings.address.upper().encode()
    assert address in data and address not in copy
    assert papers.parse(copy.decode("latin-1")) == papers.parse(data.decode("latin-1"))
