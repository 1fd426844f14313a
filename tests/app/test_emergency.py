"""Emergency access by the interface: opened with a reason and a password, for looking, for an hour, and judged afterwards."""

import json
from datetime import datetime, timedelta
from itertools import count

import pytest
from structlog.testing import capture_logs

from tests.app.conftest import PASSWORD, confirmed, open_world
from tests.app.test_reading import study_with_picture
from tests.samples import ct_series

REASON = "Unconscious in the shock room, nobody answers the telephone."
NUMBERS = count(4711)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An application whose clock is turned; each test has a patient, a clinician and an owner of its own."""
    with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture
def number():
    """A patient's number that no other test has."""
    return f"EM-{next(NUMBERS)}"


@pytest.fixture
def ask(number):
    """Ask for the patient of this test."""
    common = {"number": number, "reason": REASON, "password": PASSWORD}
    return lambda browser, **more: browser.post("/api/emergencies", json={**common, **more})


def case_of(auditor, emergency_id):
    """One case of the auditors' list."""
    return next(one for one in auditor.get("/api/emergencies").json() if one["id"] == emergency_id)


def waiting(auditor):
    return auditor.get("/api/emergencies/waiting").json()


def code_of(answer):
    return answer.json()["error"]["code"]


@pytest.fixture
def owner(world):
    return world.sign_in("clinician")


@pytest.fixture
def doctor(world):
    return world.person("clinician")


@pytest.fixture
def browser(world, doctor):
    return world.sign_in("clinician", doctor)


@pytest.fixture
def auditor(world):
    return world.sign_in("auditor")


@pytest.fixture
def opened(owner, sent, number):
    """A study of the owner with what is open of it."""
    return study_with_picture(
        owner, sent, *ct_series(2, study=number[3:], patient_id=number, name="ACUTE^Ann")
    )


def test_a_patient_is_opened_for_looking_and_closes_after_an_hour(ask, world, doctor, browser, opened):
    """The list and the study say that it is an emergency and until when; at its end the patient is not there."""
    study_id, view = opened
    assert browser.get(f"/api/studies/{study_id}").status_code == 404

    answer = ask(browser)
    (line,) = browser.get("/api/studies?way=emergency").json()["studies"]
    study = browser.get(f"/api/studies/{study_id}").json()["study"]
    picture = browser.get(f"/api/instances/{view['instance_id']}/frames/0/rendered.png")
    point = {"tool": "probe", "instance_id": view["instance_id"], "points": [[1, 1]]}
    drawn = browser.post(f"/api/studies/{study_id}/marks", json=point)

    assert answer.status_code == 201, answer.text
    until = datetime.fromisoformat(answer.json()["until"])
    assert timedelta(minutes=59) < until - world.clock() <= timedelta(minutes=60)
    assert (line["way"], study["way"]) == ("emergency", "emergency")
    assert datetime.fromisoformat(study["until"]) == until
    assert study["emergency_id"] == answer.json()["id"]
    assert (picture.status_code, picture.headers["cache-control"]) == (200, "no-store")
    assert (drawn.status_code, code_of(drawn)) == (403, "storage.only_looking")
    world.clock.advance(minutes=61)
    again = world.sign_in("clinician", doctor)
    assert again.get(f"/api/studies/{study_id}").status_code == 404
    assert again.post(f"/api/emergencies/{answer.json()['id']}/end").status_code == 409


def test_it_is_ended_by_a_button_and_gone_at_the_next_request(ask, browser, owner, opened):
    """Only by who opened it."""
    study_id, _ = opened
    emergency_id = ask(browser).json()["id"]

    assert owner.post(f"/api/emergencies/{emergency_id}/end").status_code == 404
    assert browser.post(f"/api/emergencies/{emergency_id}/end").status_code == 200

    assert browser.get(f"/api/studies/{study_id}").status_code == 404


@pytest.mark.parametrize(
    "more, code",
    [
        ({"password": "wrong wrong wrong"}, "app.wrong_password"),
        ({"reason": "It is urgent."}, "app.reason_length"),
        ({"reason": "x" + " " * 40 + "y"}, "app.reason_length"),
        ({"number": "   "}, "app.invalid"),
        ({"number": "EM-4"}, "app.no_emergency"),
        ({"issuer": "Elsewhere"}, "app.no_emergency"),
    ],
)
def test_nothing_opens_without_password_reason_and_the_exact_number(ask, browser, opened, more, code):
    """Each with a sentence of its own; the number of nobody says no more than that."""
    answer = ask(browser, **more)

    assert code_of(answer) == code
    assert browser.get("/api/studies").json()["total"] == 0


def test_a_program_opens_nothing_and_sees_nothing_that_is_open(ask, world, browser, opened):
    """A token stands for no person at a bedside."""
    study_id, _ = opened
    wanted = {"label": "t", "days": 1, "scope": "write", "password": PASSWORD}
    secret = browser.post("/api/tokens", json=wanted).json()["secret"]
    program = world.browser(authorization=f"Bearer {secret}")

    refused = ask(program)
    ask(browser)

    assert code_of(refused) == "app.forbidden"
    assert program.get(f"/api/studies/{study_id}").status_code == 404


def test_numbers_cannot_be_fished_for(ask, world, doctor, browser, opened):
    """Each try is an entry; after three the next has to wait, longer each time, whatever the number, and from anywhere."""
    for n in range(3):
        assert code_of(ask(browser, number=f"X-{n}")) == "app.no_emergency"
    fourth = ask(browser, number="X-3")
    fifth = ask(world.sign_in("clinician", doctor))

    assert [code_of(one) for one in (fourth, fifth)] == ["app.too_many_emergencies"] * 2
    assert fourth.status_code == 429 and fourth.json()["error"]["facts"]["seconds"] == 1
    tried = world.entries("emergency.refused", actor=doctor.id)
    assert [one["actor"]["id"] for one in tried] == [doctor.id] * 3
    assert len({one["subject"] for one in tried}) == 3
    world.clock.advance(seconds=2)
    assert ask(browser).status_code == 201


def test_who_sees_the_patient_already_opens_nothing(ask, owner, browser, opened):
    """Neither the owner nor somebody with an emergency that is still open."""
    assert code_of(ask(owner)) == "storage.seen_already"
    ask(browser)
    assert code_of(ask(browser)) == "storage.seen_already"


def test_number_and_reason_are_in_no_log_no_record_and_nowhere_in_clear(
    ask, number, world, browser, auditor, opened
):
    """What a person typed about a patient lies sealed under the patient's key; a line of the log tells that it happened."""
    with capture_logs() as lines:
        emergency_id = ask(browser).json()["id"]
        ask(browser, number="EM-0000", reason=REASON)
    said = json.dumps(lines, default=str)
    record = confirmed(auditor, "/api/audit/export").text
    world.services.database.seal_log()

    told = next(one for one in lines if one["event"] == "emergency access opened")
    assert told["emergency_id"] == emergency_id
    kept = b"".join(one.read_bytes() for one in world.services.settings.data_dir.glob("*.db*"))
    assert len(kept) > 10_000
    for secret in (number, "EM-0000", "shock room"):
        assert secret not in said and secret not in record and secret.encode() not in kept
    assert '"emergency.opened"' in record


def test_an_auditor_sees_who_when_why_and_what_followed_and_judges_once(
    ask, world, doctor, browser, auditor, opened
):
    """The entries made under it and no others; the verdict is an entry, and the number at the top goes down."""
    study_id, _ = opened
    before = waiting(auditor)
    emergency_id = ask(browser).json()["id"]
    browser.get(f"/api/studies/{study_id}")
    browser.get(f"/api/studies/{study_id}/report")
    during = waiting(auditor)
    case = case_of(auditor, emergency_id)
    entries = auditor.get(f"/api/emergencies/{emergency_id}").json()["entries"]
    unsaid = auditor.post(f"/api/emergencies/{emergency_id}/review", json={"verdict": "justified"})
    judged = {"verdict": "unjustified", "note": "The owner was on duty."}
    first = auditor.post(f"/api/emergencies/{emergency_id}/review", json=judged)
    second = auditor.post(f"/api/emergencies/{emergency_id}/review", json=judged)

    assert (case["opened_by"], case["reason"], case["verdict"]) == ("Clinician", REASON, None)
    assert (case["running"], case["overdue"]) == (True, False)
    assert [one["action"] for one in entries] == ["study.read"]
    assert entries[0]["object_id"] == study_id
    assert (unsaid.status_code, first.status_code, second.status_code) == (422, 201, 409)
    after = case_of(auditor, emergency_id)
    assert (after["verdict"], after["note"]) == ("unjustified", "The owner was on duty.")
    assert during["unreviewed"] == before["unreviewed"] + 1 and during["running"] == before["running"] + 1
    assert waiting(auditor)["unreviewed"] == before["unreviewed"]
    (entry,) = world.entries("emergency.reviewed", object_id=emergency_id)
    assert (entry["verdict"], entry["in_time"], entry["object"]["id"]) == ("unjustified", True, emergency_id)
    assert "on duty" not in json.dumps(entry)


def test_a_case_that_waits_over_72_hours_is_overdue_and_can_still_be_judged(ask, world, browser, opened):
    """The number says so, and the entry of the verdict that it came late."""
    emergency_id = ask(browser).json()["id"]
    world.clock.advance(hours=73)
    auditor = world.sign_in("auditor")

    assert case_of(auditor, emergency_id)["overdue"]
    before = waiting(auditor)["overdue"]
    figures = world.sign_in("admin").get("/metrics").text
    assert before >= 1 and f"dragonfly_emergencies_overdue {before}\n" in figures
    assert f"dragonfly_emergencies_running {waiting(auditor)['running']}\n" in figures
    judged = {"verdict": "justified", "note": "Seen with the ward."}
    assert auditor.post(f"/api/emergencies/{emergency_id}/review", json=judged).status_code == 201
    assert world.entries("emergency.reviewed", object_id=emergency_id)[0]["in_time"] is False
    assert waiting(auditor)["overdue"] == before - 1


def test_nobody_judges_their_own(ask, world, doctor, browser, opened):
    """Also who became an auditor since."""
    emergency_id = ask(browser).json()["id"]
    admin = world.sign_in("admin")
    assert admin.patch(f"/api/users/{doctor.id}", json={"role": "auditor"}).status_code == 200

    turned = world.sign_in("auditor", doctor)
    answer = turned.post(
        f"/api/emergencies/{emergency_id}/review", json={"verdict": "justified", "note": "Me."}
    )

    assert code_of(answer) == "storage.second_person"


def test_of_an_erased_patient_the_words_are_gone_and_the_case_stays(
    ask, world, owner, browser, auditor, opened
):
    """The reason goes with the key; that it happened and what is made of it does not."""
    emergency_id = ask(browser).json()["id"]
    request = owner.post(f"/api/studies/{opened[0]}/erasure", json={"reason": "patient_asked"}).json()["id"]
    admin = world.sign_in("admin")
    erased = admin.post(f"/api/erasures/{request}/confirm", json={"password": PASSWORD})

    assert erased.status_code == 200
    assert browser.get(f"/api/studies/{opened[0]}").status_code == 404
    assert case_of(auditor, emergency_id)["reason"] is None
    judged = {"verdict": "justified", "note": ""}
    assert auditor.post(f"/api/emergencies/{emergency_id}/review", json=judged).status_code == 201
    after = case_of(auditor, emergency_id)
    assert (after["verdict"], after["note"]) == ("justified", None)


def test_asking_for_the_numbers_keeps_no_screen_signed_in(world, auditor):
    """An open page asks for them by itself; whoever left it is signed out as ever."""
    world.clock.advance(minutes=14)
    assert auditor.get("/api/emergencies/waiting").status_code == 200
    world.clock.advance(minutes=2)

    assert auditor.get("/api/emergencies").status_code == 401


def test_a_role_that_is_taken_ends_what_was_shared_with_the_person(world, owner, doctor, opened):
    """A clinician who becomes something else is in no team and has nobody's patients, also when they come back."""
    study_id, _ = opened
    admin = world.sign_in("admin")
    team = admin.post("/api/teams", json={"name": "Heart"}).json()
    admin.patch(f"/api/teams/{team['id']}", json={"members": [doctor.id]})
    for body in ({"team_id": team["id"]}, {"colleague_id": doctor.id}):
        assert owner.post(f"/api/studies/{study_id}/access", json=body).status_code == 201
    assert world.sign_in("clinician", doctor).get(f"/api/studies/{study_id}").status_code == 200

    for role in ("researcher", "clinician"):
        admin.patch(f"/api/users/{doctor.id}", json={"role": role})

    assert world.sign_in("clinician", doctor).get(f"/api/studies/{study_id}").status_code == 404
    assert [one["members"] for one in admin.get("/api/teams").json() if one["id"] == team["id"]] == [[]]


def test_a_team_is_named_filled_emptied_and_ended(world, owner, doctor, opened):
    """By the administrator, who sees no patient; at each step its members see what is shared with it, or no more."""
    study_id, _ = opened
    admin, browser = world.sign_in("admin"), world.sign_in("clinician", doctor)
    study = f"/api/studies/{study_id}"
    team = admin.post("/api/teams", json={"name": " Chest\n "}).json()
    place = f"/api/teams/{team['id']}"
    assert owner.post(f"{study}/access", json={"team_id": team["id"]}).status_code == 201

    seen = [browser.get(study).status_code]
    for members in ([doctor.id], [], [doctor.id]):
        assert admin.patch(place, json={"members": members}).json()["members"] == members
        seen.append(browser.get(study).status_code)
    shown = owner.get(f"{study}/access").json()["shares"]
    admin.delete(place)
    seen.append(browser.get(study).status_code)

    assert team["name"] == "Chest"
    assert seen == [404, 200, 404, 200, 404]
    assert [(one["kind"], one["name"], one["members"]) for one in shown] == [("team", "Chest", ["Clinician"])]
    assert owner.get(f"{study}/access").json()["shares"] == []
    assert world.entries("team.changed")[0]["came"] == [doctor.id]
    assert world.entries("team.removed")[0]["shares"] == 1


def test_only_clinicians_are_in_a_team_and_names_are_taken_once(world):
    """A team with an administrator in it would show them patients."""
    admin = world.sign_in("admin")
    team = admin.post("/api/teams", json={"name": "Brain"}).json()
    other = world.person("auditor")

    assert admin.post("/api/teams", json={"name": "Brain"}).status_code == 409
    assert admin.post("/api/teams", json={"name": "\n"}).status_code == 422
    for members in ([other.id], ["nobody"]):
        assert admin.patch(f"/api/teams/{team['id']}", json={"members": members}).status_code == 404
