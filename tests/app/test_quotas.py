"""How much one person may take of what all share: each limit, its sentence, and that it is not gone around."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.app.conftest import open_world, settled, upload
from tests.app.test_reading import study_with_picture, work
from tests.samples import ct_series

ROOM = 20_000
"""Bytes: a drawn slice has 902, so that 22 fit."""
SLICES = 30


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Narrow limits."""
    limits = {"quota_bytes": ROOM, "quota_uploads": 6, "quota_waiting": 3, "quota_answers": 5}
    with open_world(tmp_path_factory.mktemp("world"), **limits) as opened:
        yield opened


@pytest.fixture
def browser(world):
    """Somebody new, who has used nothing."""
    return world.sign_in("clinician")


def sent_by(browser, *files, **more):
    return settled(browser, upload(browser, *files, **more))


def used(browser):
    return {name: one["used"] for name, one in browser.get("/api/account/quotas").json().items()}


def refusal(answer):
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["sentence"]


def test_files_that_are_kept_and_those_on_their_way_share_one_room(browser):
    """What is announced is room taken until it is kept or given up; the sentence says how much is used."""
    sent_by(browser, *ct_series(3))
    kept = used(browser)["bytes"]
    free = ROOM - kept
    begun = browser.post("/api/uploads", json={"files": 1, "bytes": free}).json()["upload_id"]

    full = browser.post("/api/uploads", json={"files": 1, "bytes": 1})
    browser.delete(f"/api/uploads/{begun}")
    again = browser.post("/api/uploads", json={"files": 1, "bytes": free})

    assert 0 < kept < ROOM
    status, code, sentence = refusal(full)
    assert (status, code) == (413, "app.quota_bytes")
    assert "0.0 of 0.0 GiB" in sentence and "administrator" in sentence
    assert again.status_code == 201


def test_an_archive_that_holds_more_than_was_announced_is_not_kept(browser):
    """A small ZIP of many slices is refused when it is opened, in words, and nothing of it counts."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for number, one in enumerate(ct_series(SLICES, study="44")):
            packed.writestr(f"{number}.dcm", one)

    found = sent_by(browser, archive.getvalue())

    assert len(archive.getvalue()) < ROOM
    assert (found["state"], found["studies"]) == ("refused", [])
    assert [one["code"] for one in found["refused"]] == ["app.quota_bytes"]
    assert "{" not in found["refused"][0]["sentence"]
    assert used(browser)["bytes"] == 0


def test_of_two_uploads_that_would_each_just_fit_one_is_refused(browser):
    """They are counted in the change that begins them, one after the other."""
    wanted = {"files": 1, "bytes": ROOM - 1}

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: browser.post("/api/uploads", json=wanted).status_code, range(4)))

    assert sorted(answers) == [201, 413, 413, 413]


def test_uploads_of_a_day_are_counted(world, browser):
    """The seventh waits until the first is a day old; a colleague is not held up."""
    wanted = {"files": 1, "bytes": 1}
    answers = [browser.post("/api/uploads", json=wanted) for _ in range(7)]

    assert [one.status_code for one in answers] == [201] * 6 + [429]
    assert refusal(answers[6])[1] == "app.quota_uploads" and "(6)" in refusal(answers[6])[2]
    assert world.sign_in("clinician").post("/api/uploads", json=wanted).status_code == 201
    assert used(browser)["uploads"] == 6


def test_answers_are_limited_at_once_and_by_the_day(world, browser):
    """Three wait at once, five are asked for in a day; a draft of two counts as two and is begun whole or not at all."""
    study_id, view = study_with_picture(browser, sent_by, *ct_series(2, study="45"))

    def ask():
        return browser.post(f"/api/studies/{study_id}/questions", json={"question": "Clear?", "view": view})

    first = [ask() for _ in range(2)]
    draft = browser.post(f"/api/studies/{study_id}/report", json={"view": view})
    waiting = used(browser)["waiting"]
    third, fourth = ask(), ask()
    work(world)
    after = [ask(), ask(), ask()]

    assert [one.status_code for one in first] == [202, 202]
    assert refusal(draft)[:2] == (429, "app.quota_waiting") and "4 answers" in refusal(draft)[2]
    assert browser.get(f"/api/studies/{study_id}/report").status_code == 404
    assert (waiting, third.status_code, refusal(fourth)[1]) == (2, 202, "app.quota_waiting")
    assert [one.status_code for one in after] == [202, 202, 429]
    assert refusal(after[2])[1] == "app.quota_answers" and "(5)" in refusal(after[2])[2]
    assert {**used(browser), "bytes": 0} == {"bytes": 0, "uploads": 1, "waiting": 2, "answers": 5}


def test_what_is_used_stands_beside_the_most_of_it(world):
    """In the reader's account; a day later the uploads are free again, what is on its way still takes its room."""
    user = world.person("clinician")
    browser = world.sign_in("clinician", user)
    browser.post("/api/uploads", json={"files": 1, "bytes": 7})

    told = browser.get("/api/account/quotas").json()

    assert told == {
        "bytes": {"used": 7, "limit": ROOM},
        "uploads": {"used": 1, "limit": 6},
        "waiting": {"used": 0, "limit": 3},
        "answers": {"used": 0, "limit": 5},
    }
    world.clock.advance(hours=25)
    assert used(world.sign_in("clinician", user)) == {"bytes": 7, "uploads": 0, "waiting": 0, "answers": 0}


def test_a_limit_of_zero_is_none(tmp_path):
    """For whoever wants no limits."""
    limits = {"quota_bytes": 0, "quota_uploads": 0, "quota_waiting": 0, "quota_answers": 0}
    with open_world(tmp_path, **limits) as world:
        browser = world.sign_in("clinician")
        answer = browser.post("/api/uploads", json={"files": 1, "bytes": 4 << 30})

        assert answer.status_code == 201
        assert browser.get("/api/account/quotas").json()["bytes"] == {"used": 4 << 30, "limit": None}
