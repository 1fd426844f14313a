"""Nobody erases alone, nobody erases what is held, and the record stays whole when the patient is gone."""

from io import BytesIO

import pytest

from storage import erasures, patients, reports, studies, users, worklist
from storage.audit.canonical import canonical
from storage.audit.search import find, verify_rows
from storage.database import Actor
from storage.errors import Conflict, Held, NotFound, SecondPerson, Unreadable
from storage.files import FileStore
from storage.studies import NewInstance, NewSeries, NewStudy
from storage.verifier import CLEAN

KIM = {"name": "김하늘", "patient_id": "T-1"}


def person(database, passwords, name, role) -> Actor:
    with database.write(Actor(id="tests", role="system")) as tx:
        user = users.add(
            tx, passwords, username=name, display_name=name, role=role, password="correct horse battery"
        )
    return Actor(id=user.id, role=role)


@pytest.fixture
def admin(database, passwords):
    return person(database, passwords, "admin", "admin")


def study_of(database, actor, identity=KIM, uid="1"):
    series = NewSeries(
        key="a",
        modality="CR",
        facts={},
        instances=[NewInstance(sop_uid=uid, file_sha256="ab" * 32, frames=1, facts={})],
    )
    with database.write(actor) as tx:
        patient_id = patients.add(tx, actor.id, identity)
        new = NewStudy(study_uid=uid, modality="CR", facts={}, series=[series])
        study_id, _ = studies.put(tx, actor.id, patient_id, new)
        study = studies.get(tx, study_id, actor.id)
        content = {"sections": {"findings": [{"text": "Clear.", "origin": "person", "answer_id": None}]}}
        report = reports.create(tx, study, content)
        reports.sign(tx, study, report.id, 1, [])
    return study


def asked(database, actor, study, reason="patient_asked"):
    with database.write(actor) as tx:
        return erasures.ask(tx, study.patient_id, reason)


def test_a_second_person_erases_every_row_of_the_patient(database, clinician, passwords, admin, tmp_path):
    """Also what another clinician uploaded of the same patient; another patient stays; the record verifies."""
    other = person(database, passwords, "dr.park", "clinician")
    mine, theirs = study_of(database, clinician), study_of(database, other, uid="2")
    kept = study_of(database, clinician, {"name": "A", "patient_id": "T-2"}, uid="3")
    store = FileStore(tmp_path / "files")
    with database.write(clinician) as tx:
        file = store.add(tx, mine.patient_id, BytesIO(b"pixels"))
        key = tx.patient_key(mine.patient_id)
        tx.record("study.changed")
    erasure_id = asked(database, clinician, mine)
    with database.read(admin) as tx:
        (shown,) = erasures.everything(tx)
    assert (shown.studies, shown.signed, shown.held, shown.state) == (2, 2, False, "asked")

    with database.write(admin) as tx:
        erased = erasures.confirm(tx, erasure_id)

    assert sorted(erased) == sorted([mine.patient_id, theirs.patient_id])
    database.scrub()
    for study, owner in ((mine, clinician), (theirs, other)):
        with database.read(owner) as tx, pytest.raises(Unreadable):
            studies.get(tx, study.id, owner.id)
    with database.read(clinician) as tx:
        assert studies.get(tx, kept.id, clinician.id).identity["name"] == "A"
        assert [line.study.id for line in worklist.listed(tx, clinician.id)] == [kept.id]
        assert sorted(erasures.erased_patients(tx)) == sorted(erased)
        entries = find(tx.session, action="patient.erased")
        assert {one["object"]["id"] for one in entries} == set(erased)
        assert all(one["reason"] == "patient_asked" for one in entries)
        assert verify_rows(tx.session, database.audit_keys.public_pem).status == CLEAN
    # The sealed file itself is opened by nothing that is still kept.
    assert store.read(key, mine.patient_id, file.sha256) == b"pixels"
    with database.read(clinician) as tx, pytest.raises(Unreadable):
        tx.patient_key(mine.patient_id)


def test_who_asked_cannot_decide(database, clinician):
    """Whatever role they have by then."""
    erasure_id = asked(database, clinician, study_of(database, clinician))

    for decide in (erasures.confirm, erasures.refuse):
        with pytest.raises(SecondPerson), database.write(clinician) as tx:
            decide(tx, erasure_id)

    with database.read(clinician) as tx:
        assert erasures.everything(tx)[0].state == "asked"


def test_what_is_held_is_not_erased(database, clinician, admin):
    """A hold also binds a patient who comes later; once all of them are lifted, the request goes through."""
    with database.write(admin) as tx:
        ref = patients.reference(tx, "", KIM)
        first = erasures.hold(tx, ref, "legal_claim")
        second = erasures.hold(tx, ref, "investigation")
    study = study_of(database, clinician)
    erasure_id = asked(database, clinician, study)

    for hold_id in (first, second):
        with pytest.raises(Held), database.write(admin) as tx:
            erasures.confirm(tx, erasure_id)
        with database.write(admin) as tx:
            erasures.lift(tx, hold_id)

    with pytest.raises(NotFound), database.write(admin) as tx:
        erasures.lift(tx, first)
    with database.write(admin) as tx:
        assert erasures.confirm(tx, erasure_id) == [study.patient_id]
        assert erasures.holds(tx) == []


def test_a_request_is_decided_once(database, clinician, admin):
    """Not twice, not beside another, not after it was taken back; only its owner takes it back."""
    study = study_of(database, clinician)
    erasure_id = asked(database, clinician, study)
    with pytest.raises(Conflict):
        asked(database, clinician, study)
    with pytest.raises(NotFound), database.write(admin) as tx:
        erasures.withdraw(tx, erasure_id)
    with database.write(clinician) as tx:
        assert erasures.of_patient(tx, study.patient_id).id == erasure_id
        erasures.withdraw(tx, erasure_id)

    with pytest.raises(Conflict), database.write(admin) as tx:
        erasures.confirm(tx, erasure_id)
    again = asked(database, clinician, study, "wrong_upload")
    with database.write(admin) as tx:
        erasures.refuse(tx, again)
        assert sorted(one.state for one in erasures.everything(tx)) == ["refused", "withdrawn"]
    with pytest.raises(NotFound), database.write(admin) as tx:
        erasures.confirm(tx, "0" * 32)


def test_the_request_itself_names_nobody(database, clinician):
    """It stays after the patient is gone: a pseudonym, a code, and who asked."""
    erasure_id = asked(database, clinician, study_of(database, clinician))

    with database.read(clinician) as tx:
        entry = find(tx.session, action="erasure.asked")[0]
    written = canonical(entry).decode()
    assert erasure_id in written and "김하늘" not in written and "T-1" not in written
