"""Large files in parts: kept over a break, checked by digest, limited on their own, and taken in as any other."""

import hashlib

import pytest

from tests.app.conftest import open_world, settled
from tests.samples import ct_series, slide

DETAILS = {"patient_name": "Walker Ann", "patient_id": "PATH-90", "kind": "pathology"}
PART = 8_000


@pytest.fixture(scope="module")
def browser(world):
    return world.sign_in("clinician")


def begun(browser, *files):
    """Announce files that come in parts; the address of the upload."""
    sizes = [len(one) for one in files]
    announced = {"files": len(files), "bytes": sum(sizes), "sizes": sizes}
    answer = browser.post("/api/uploads", json=announced)
    assert answer.status_code == 201, answer.text
    return f"/api/uploads/{answer.json()['upload_id']}"


def put(browser, address, data, offset, number=0, sha256=None):
    """Send one part."""
    told = {"offset": offset} | ({"sha256": sha256} if sha256 else {})
    return browser.put(f"{address}/parts/{number}", content=data[offset : offset + PART], params=told)


def code_of(answer):
    return answer.json()["error"]["code"]


def test_a_slide_comes_in_parts_and_is_gone_on_with(world, browser):
    """After two parts the page is reloaded: it is told what waits, sends the rest, and the study holds the very bytes."""
    data = slide(cell=24)
    address = begun(browser, data)
    for offset in (0, PART):
        assert put(browser, address, data, offset).status_code == 200

    (waiting,) = [one for one in browser.get("/api/uploads").json()["uploads"] if one["upload_id"] in address]
    (told,) = waiting["files"]
    last = None
    for offset in range(told["kept"], len(data), PART):
        last = put(browser, address, data, offset).json()
    browser.post(f"{address}/finish", json={})
    settled(browser, address.rsplit("/", 1)[1])
    browser.post(f"{address}/details", json=DETAILS)
    found = settled(browser, address.rsplit("/", 1)[1])

    assert (told["kept"], told["bytes"], told["whole"]) == (2 * PART, len(data), False)
    assert (told["head"], told["head_bytes"]) == (hashlib.sha256(data[:PART]).hexdigest(), PART)
    assert last == {"received": len(data), "whole": True, "sha256": hashlib.sha256(data).hexdigest()}
    study = browser.get(f"/api/studies/{found['studies'][0]['study_id']}").json()
    browser.get(f"/api/series/{study['series'][0]['series_id']}/slide")
    assert data in [one.read_bytes() for one in world.services.settings.slide_copies.rglob("0000")]
    assert browser.get("/api/uploads").json()["uploads"] == []


def test_a_part_counts_only_where_it_belongs_and_as_it_was(world, browser):
    """In the wrong place, changed on the way or too long it is refused, recorded, and what is here stays as it was."""
    data = slide(cell=20)
    address = begun(browser, data)
    assert put(browser, address, data, 0, sha256=hashlib.sha256(data[:PART]).hexdigest()).status_code == 200
    before = len(world.entries("upload.refused", object_id=address.rsplit("/", 1)[1]))

    ahead = put(browser, address, data, 2 * PART)
    again = put(browser, address, data, 0)
    changed = put(browser, address, data, PART, sha256=hashlib.sha256(b"another").hexdigest())
    long = browser.put(f"{address}/parts/0", content=data + b"more", params={"offset": PART})

    assert [code_of(one) for one in (ahead, again)] == ["app.upload_part"] * 2
    assert ahead.json()["error"]["facts"]["kept"] == PART
    assert (code_of(changed), code_of(long)) == ("app.upload_digest", "app.upload_too_large")
    assert browser.get(f"{address}/parts/0").json()["kept"] == PART
    assert len(world.entries("upload.refused", object_id=address.rsplit("/", 1)[1])) == before + 2
    for offset in range(PART, len(data), PART):
        last = put(browser, address, data, offset).json()
    assert last["sha256"] == hashlib.sha256(data).hexdigest()


def test_an_upload_whose_file_is_not_whole_is_not_read(browser):
    """Half a slide is no slide: finishing is refused, going on is not."""
    data = slide(cell=20)
    address = begun(browser, data)
    put(browser, address, data, 0)

    assert code_of(browser.post(f"{address}/finish", json={})) == "app.upload_unfinished"
    assert put(browser, address, data, PART).status_code == 200


def test_small_files_of_such_an_upload_come_whole(browser):
    """A folder of slices, of which none is large, under the limit for parts: the ordinary way, one study."""
    files = ct_series(2)
    address = begun(browser, *files)
    for number, data in enumerate(files):
        assert browser.put(f"{address}/files/{number}", content=data).status_code == 200
    browser.post(f"{address}/finish", json={})

    assert settled(browser, address.rsplit("/", 1)[1])["state"] == "done"


def test_nobody_else_sees_or_touches_it(world, browser):
    """Neither in their list nor by its address, whatever their role."""
    data = slide(cell=20)
    address = begun(browser, data)
    other = world.sign_in("clinician")

    assert other.get("/api/uploads").json()["uploads"] == []
    assert put(other, address, data, 0).status_code == 404
    assert other.get(f"{address}/parts/0").status_code == 404
    assert world.sign_in("researcher").get("/api/uploads").status_code == 403


def test_its_limit_is_its_own_and_so_is_its_patience(tmp_path):
    """Larger than an ordinary upload may be, not larger than a slide may be; kept overnight, not for two days."""
    with open_world(tmp_path, upload_bytes=1000, upload_slide_bytes=2000) as small:
        browser = small.sign_in("clinician")
        plain = browser.post("/api/uploads", json={"files": 1, "bytes": 1500})
        address = begun(browser, bytes(1500))
        large = browser.post("/api/uploads", json={"files": 1, "bytes": 2500, "sizes": [2500]})
        wrong = browser.post("/api/uploads", json={"files": 1, "bytes": 1500, "sizes": [10]})
        put(browser, address, bytes(1500), 0)
        intake = small.client.app.app.state.intake
        small.clock.advance(hours=23)
        intake.give_up_silent()
        kept = list(intake.uploads)
        small.clock.advance(hours=25)
        intake.give_up_silent()

    assert [code_of(one) for one in (plain, large)] == ["app.upload_too_large"] * 2
    assert code_of(wrong) == "app.invalid"
    assert kept == [address.rsplit("/", 1)[1]] and list(intake.uploads) == []
    assert not any(small.services.settings.scratch.glob("*/000000*"))
