"""One function says who may see a patient and how; on both databases, and what was taken back is gone at once."""

from datetime import timedelta

import pytest

from storage import access, marks, patients, priors, reports, sharing, studies, users, worklist
from storage.access import Grant
from storage.access_rows import EmergencyRow, TeamMemberRow, TeamRow
from storage.database import Actor, new_id
from storage.errors import Conflict, NotFound, OnlyLooking, OwnersOnly
from storage.studies import NewInstance, NewSeries, NewStudy

KIM = {"name": "KIM^Test", "patient_id": "T-1", "birth_date": "1961-03-14"}


@pytest.fixture
def colleague(database, passwords):
    return person(database, passwords, "dr.park")


def person(database, passwords, name, role="clinician"):
    with database.write(Actor(id="tests", role="system")) as tx:
        made = {"username": name, "display_name": name.title(), "role": role}
        return Actor(id=users.add(tx, passwords, **made, password="correct horse battery").id, role=role)


def study_of(database, actor, identity=KIM, uid="1.2.3"):
    """A CT study of one picture."""
    files = [NewInstance(sop_uid=uid, file_sha256="ab" * 32, frames=1, facts={"rows": 4})]
    series = NewSeries(key=uid, modality="CT", facts={}, instances=files)
    new = NewStudy(study_uid=uid, modality="CT", facts={"description": "Head CT"}, series=[series])
    with database.write(actor) as tx:
        return studies.put(tx, actor.id, patients.add(tx, actor.id, identity), new)[0]


def share(database, owner, study_id, with_whom):
    with database.write(owner) as tx:
        return sharing.with_colleague(tx, studies.get(tx, study_id, owner.id), with_whom.id)


def seen(database, actor):
    """What the worklist holds for somebody, with the way."""
    with database.read(actor) as tx:
        return {one.study.id: one.study.grant.way for one in worklist.listed(tx, actor.id)}


def emergency(database, actor, ref, patient_id, minutes=60):
    """A row as `storage.emergencies` makes it."""
    with database.write(actor) as tx:
        sealed = tx.seal(patient_id, b"reason", "reason")
        until = tx.now + timedelta(minutes=minutes)
        common = {"verdict": None, "note": None, "reviewed_by": None, "reviewed_at": None, "ended_at": None}
        row = EmergencyRow(
            id=new_id(), user_id=actor.id, ref=ref, patient_id=patient_id, reason=sealed, opened_at=tx.now,
            until=until, **common,
        )  # fmt: skip
        tx.session.add(row)
        tx.record("emergency.opened", subject=ref, object_type="emergency", object_id=row.id)
        return row.id


def test_nobody_but_the_owner_sees_a_patient_until_it_is_shared(database, clinician, colleague):
    """Not in the list, not by an id: for a colleague the patient is not there."""
    study_id = study_of(database, clinician)

    with database.read(colleague) as tx:
        found = studies.get(tx, study_id, clinician.id)
        assert access.grant(tx, colleague.id, found.patient_id) is None
        for need in ("look", "work", "own"):
            with pytest.raises(NotFound):
                studies.get(tx, study_id, colleague.id, need)
    assert seen(database, clinician) == {study_id: "owner"}
    assert seen(database, colleague) == {}


def test_a_colleague_works_on_a_shared_patient_and_shares_it_no_further(database, clinician, colleague):
    """All studies of the patient, earlier and later ones; nothing of the owner's other patients."""
    study_id = study_of(database, clinician)
    other = study_of(database, clinician, {"patient_id": "T-2"}, uid="9")
    share(database, clinician, study_id, colleague)
    later = study_of(database, clinician, uid="4")

    assert seen(database, colleague) == {study_id: "member", later: "member"}
    with database.read(colleague) as tx:
        study = studies.get(tx, study_id, colleague.id, "work")
        assert study.grant == Grant(way="member")
        assert [one.id for one in priors.of_study(tx, study)] == [later]
        with pytest.raises(OwnersOnly):
            studies.get(tx, study_id, colleague.id, "own")
        with pytest.raises(NotFound):
            studies.get(tx, other, colleague.id, "look")


def test_what_is_taken_back_is_gone_at_the_next_reading(database, clinician, colleague):
    """The share ends in one change; who shared and who took back stands in the record, with whom."""
    study_id = study_of(database, clinician)
    share_id = share(database, clinician, study_id, colleague)
    assert study_id in seen(database, colleague)

    with database.write(clinician) as tx:
        sharing.take_back(tx, studies.get(tx, study_id, clinician.id), share_id)
        recorded = tx.entries[-1]

    assert seen(database, colleague) == {}
    with database.read(colleague) as tx, pytest.raises(NotFound):
        studies.get(tx, study_id, colleague.id, "look")
    assert (recorded["action"], recorded["user"]) == ("patient.unshared", colleague.id)
    with database.write(clinician) as tx:
        study = studies.get(tx, study_id, clinician.id)
        with pytest.raises(NotFound):
            sharing.take_back(tx, study, share_id)
        sharing.with_colleague(tx, study, colleague.id)


def test_a_team_sees_what_is_shared_with_it(database, clinician, colleague, passwords, clock):
    """By membership: to somebody who is in the team the patient is there, to others not."""
    study_id = study_of(database, clinician)
    with database.write(Actor(id="tests", role="system")) as tx:
        tx.session.add(TeamRow(id="t" * 32, name="Chest", created_at=tx.now))
        tx.session.flush()
        member = TeamMemberRow(team_id="t" * 32, user_id=colleague.id, added_at=tx.now)
        tx.session.add(member)
        tx.record("team.added", object_type="team", object_id="t" * 32)
    with database.write(clinician) as tx:
        sharing.with_team(tx, studies.get(tx, study_id, clinician.id), "t" * 32)
    clock.advance(seconds=1)
    share(database, clinician, study_id, colleague)
    stranger = person(database, passwords, "dr.choi")

    assert seen(database, colleague) == {study_id: "member"}
    assert seen(database, stranger) == {}
    with database.read(clinician) as tx:
        shares = sharing.of_patient(tx, studies.get(tx, study_id, clinician.id).patient_id)
        assert [(one.name, one.members) for one in shares] == [("Chest", ("Dr.Park",)), ("Dr.Park", ())]
        people, teams = sharing.candidates(tx, studies.get(tx, study_id, clinician.id))
        assert ([one.name for one in people], teams) == (["Dr.Choi"], [])


@pytest.mark.parametrize("role, active", [("researcher", True), ("admin", True), ("clinician", False)])
def test_only_an_active_clinician_can_be_given_a_patient(database, clinician, passwords, role, active):
    """An administrator sees no patient, and who left sees none either."""
    study_id, whom = study_of(database, clinician), person(database, passwords, "somebody", role)
    if not active:
        with database.write(Actor(id="tests", role="system")) as tx:
            users.change(tx, passwords, whom.id, active=False)

    with pytest.raises(NotFound):
        share(database, clinician, study_id, whom)
    with pytest.raises(NotFound):
        share(database, clinician, study_id, clinician)


def test_the_same_share_twice_is_refused(database, clinician, colleague):
    """One taking back must be enough."""
    study_id = study_of(database, clinician)
    share(database, clinician, study_id, colleague)

    with pytest.raises(Conflict):
        share(database, clinician, study_id, colleague)


def test_a_picture_of_another_patient_is_not_reached_through_a_shared_one(database, clinician, colleague):
    """The owner has both patients, the colleague one: an id of the other inside a mark leads nowhere."""
    study_id = study_of(database, clinician)
    hidden = study_of(database, clinician, {"patient_id": "T-2"}, uid="9")
    share(database, clinician, study_id, colleague)
    with database.read(clinician) as tx:
        foreign = studies.series(tx, studies.get(tx, hidden, clinician.id))[0].instances[0].id

    with database.write(colleague) as tx:
        study = studies.get(tx, study_id, colleague.id, "work")
        with pytest.raises(NotFound):
            studies.instance_of(tx, study, foreign)
        with pytest.raises(NotFound):
            marks.add(tx, study, instance_id=foreign, frame=0, kind="key", geometry={})
        tx.record("study.read", subject=study.patient_ref)


def test_two_people_on_one_report_do_not_overwrite_each_other(database, clinician, colleague):
    """Who saves over a version that is no longer the latest is told so; both stand as authors of what they wrote."""
    study_id = study_of(database, clinician)
    share(database, clinician, study_id, colleague)
    with database.write(clinician) as tx:
        report = reports.create(tx, studies.get(tx, study_id, clinician.id), {"sections": {}})
    with database.write(colleague) as tx:
        study = studies.get(tx, study_id, colleague.id, "work")
        reports.save(tx, study, report.id, 1, {"sections": {"findings": ["clear"]}})

    with database.write(clinician) as tx:
        study = studies.get(tx, study_id, clinician.id, "work")
        with pytest.raises(Conflict):
            reports.save(tx, study, report.id, 1, {"sections": {"findings": ["not clear"]}})
        authors = [one.author_id for one in reports.versions(tx, report.id)]
        tx.record("report.read", subject=study.patient_ref)

    assert authors == [clinician.id, colleague.id]


def test_an_emergency_opens_a_patient_for_looking_until_it_is_over(database, clinician, colleague, clock):
    """Everybody's rows of the patient, for the time it was opened for; what is recorded under it says so."""
    study_id = study_of(database, clinician)
    with database.read(clinician) as tx:
        study = studies.get(tx, study_id, clinician.id)
    opened = emergency(database, colleague, study.patient_ref, study.patient_id)

    assert seen(database, colleague) == {study_id: "emergency"}
    with database.look(colleague) as tx:
        found = studies.get(tx, study_id, colleague.id, "look")
        assert found.grant == Grant(
            way="emergency", emergency_id=opened, until=clock.now + timedelta(hours=1)
        )
        for need in ("work", "own"):
            with pytest.raises(OnlyLooking):
                studies.get(tx, study_id, colleague.id, need)
        tx.record("study.read", subject=found.patient_ref)
        assert tx.entries[-1]["cause"] == opened
    program = Actor(id=colleague.id, role="clinician", auth="token")
    assert seen(database, program) == {}
    clock.advance(minutes=60)
    assert seen(database, colleague) == {}
    with database.read(colleague) as tx, pytest.raises(NotFound):
        studies.get(tx, study_id, colleague.id, "look")


def test_who_may_work_on_a_patient_does_so_in_an_emergency_too(database, clinician, colleague):
    """The widest way counts: an emergency takes nothing away, and what is done as a member names no emergency."""
    study_id = study_of(database, clinician)
    share(database, clinician, study_id, colleague)
    with database.read(clinician) as tx:
        study = studies.get(tx, study_id, clinician.id)
    emergency(database, colleague, study.patient_ref, study.patient_id)

    assert seen(database, colleague) == {study_id: "member"}
    with database.look(colleague) as tx:
        assert studies.get(tx, study_id, colleague.id, "work").grant == Grant(way="member")
        tx.record("study.read", subject=study.patient_ref)
        assert "cause" not in tx.entries[-1]


def test_an_erased_patient_is_shared_with_nobody(database, clinician, colleague):
    """The row that shared goes with the key; the number may come back as another patient, unshared."""
    study_id = study_of(database, clinician)
    share(database, clinician, study_id, colleague)
    with database.write(clinician) as tx:
        patients.erase(tx, studies.get(tx, study_id, clinician.id).patient_id, "court_order")

    assert seen(database, colleague) == {}
    study_of(database, clinician, uid="5")
    assert seen(database, colleague) == {}


def test_the_list_is_filtered_by_the_way_in(database, clinician, colleague):
    """Mine, shared with me, open in an emergency."""
    mine, shared = (
        study_of(database, colleague),
        study_of(database, clinician, {"patient_id": "T-2"}, uid="9"),
    )
    share(database, clinician, shared, colleague)

    with database.read(colleague) as tx:
        by_way = {
            way: [one.study.id for one in worklist.listed(tx, colleague.id, way=way)]
            for way in ("owner", "member", "emergency", "made up")
        }
        owners = {one.study.id: one.owner for one in worklist.listed(tx, colleague.id)}

    assert by_way == {"owner": [mine], "member": [shared], "emergency": [], "made up": []}
    assert owners == {mine: "Dr.Park", shared: "이서연"}
