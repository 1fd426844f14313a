"""What was kept long enough is asked to be erased, never erased by itself; holds outrank every limit."""

import shutil
from datetime import timedelta

import pytest

from storage import erasures, patients, reports, retention, studies, uploads
from storage.audit.search import find
from storage.errors import Conflict, SecondPerson
from storage.retention import Limits
from storage.studies import NewInstance, NewSeries, NewStudy
from tests.storage.test_erasures import person, study_of


@pytest.fixture
def admin(database, passwords):
    return person(database, passwords, "admin", "admin")


def draft_of(database, actor, number, uid):
    """A patient of this number with a study, and no signed report."""
    instances = [NewInstance(sop_uid=uid, file_sha256="cd" * 32, frames=1, facts={})]
    series = NewSeries(key="a", modality="CR", facts={}, instances=instances)
    with database.write(actor) as tx:
        patient_id = patients.add(tx, actor.id, {"name": "A", "patient_id": number})
        new = NewStudy(study_uid=uid, modality="CR", facts={}, series=[series])
        study_id, _ = studies.put(tx, actor.id, patient_id, new)
        return studies.get(tx, study_id, actor.id)


def due(database, actor, **limits):
    with database.read(actor) as tx:
        return retention.due(tx, Limits(**limits))


def test_without_limits_nothing_is_ever_due(database, clinician, clock):
    """Not after a hundred years either."""
    study_of(database, clinician)
    clock.advance(days=36_500)

    assert due(database, clinician) == []
    with database.read(clinician) as tx:
        assert retention.old_uploads(tx, Limits()) == []


def test_a_patient_is_due_when_nothing_was_added_for_so_long(database, clinician, clock):
    """The limit for signed reports counts as soon as there is one; each day to the second, from the last addition."""
    signed = study_of(database, clinician)
    draft = draft_of(database, clinician, "T-2", "2")
    clock.advance(days=30)
    assert due(database, clinician, unsigned=30, signed=30) == []
    clock.advance(seconds=1)

    both = due(database, clinician, unsigned=30, signed=30)

    assert {(one.ref, one.kind, one.state) for one in both} == {
        (draft.patient_ref, "unsigned", "due"),
        (signed.patient_ref, "signed", "due"),
    }
    assert [one.kind for one in due(database, clinician, unsigned=30)] == ["unsigned"]
    assert due(database, clinician, unsigned=31, signed=3650) == []


def test_whatever_is_added_begins_the_time_anew(database, clinician, passwords, clock):
    """Another version of the report, an addendum, or a study that a second clinician has of the same patient."""
    other = person(database, passwords, "dr.park", "clinician")
    signed, draft = study_of(database, clinician), draft_of(database, clinician, "T-2", "2")
    clock.advance(days=40)
    with database.write(clinician) as tx:
        reports.create(tx, draft, {"sections": {}})
        report = reports.of_study(tx, signed)
        reports.add_addendum(tx, signed, report.id, "More.")
    clock.advance(days=20)
    assert due(database, clinician, unsigned=30, signed=30) == []

    clock.advance(days=11)
    assert len(due(database, clinician, unsigned=30, signed=30)) == 2
    draft_of(database, other, "T-2", "9")
    assert [one.kind for one in due(database, clinician, unsigned=30, signed=30)] == ["signed"]


def test_being_due_asks_and_a_second_person_decides(database, clinician, admin, clock):
    """Held patients stay, whoever was asked for already is not asked for twice."""
    study_of(database, clinician)
    held = draft_of(database, clinician, "T-2", "2")
    with database.write(admin) as tx:
        erasures.hold(tx, held.patient_ref, "record_duty")
    clock.advance(days=100)
    found = {one.state: one for one in due(database, clinician, unsigned=9, signed=9)}
    assert set(found) == {"due", "held"} and found["held"].ref == held.patient_ref

    with database.write(clinician) as tx:
        erasure_id = retention.ask(tx, found["due"])

    assert {one.state for one in due(database, clinician, unsigned=9, signed=9)} == {"asked", "held"}
    with pytest.raises(Conflict), database.write(clinician) as tx:
        retention.ask(tx, found["due"])
    with pytest.raises(SecondPerson), database.write(clinician) as tx:
        erasures.confirm(tx, erasure_id)
    with database.write(admin) as tx:
        assert len(erasures.confirm(tx, erasure_id)) == 1
    assert {one.state for one in due(database, clinician, unsigned=9, signed=9)} == {"held"}
    with database.read(clinician) as tx:
        assert find(tx.session, action="patient.erased")[0]["reason"] == "kept_long_enough"


def test_uploads_that_ended_are_forgotten_and_those_under_way_stay(database, clinician, clock):
    """One entry says how many."""
    with database.write(clinician) as tx:
        ended, waiting = uploads.begin(tx, files=1, size=1), uploads.begin(tx, files=1, size=1)
        uploads.advance(tx, ended.id, "done", {})
    clock.advance(days=8)
    limits = Limits(uploads=7)
    with database.read(clinician) as tx:
        old = retention.old_uploads(tx, limits)
    assert old == [ended.id]

    with database.write(clinician) as tx:
        retention.forget_uploads(tx, old, limits)

    with database.read(clinician) as tx:
        assert retention.old_uploads(tx, limits) == []
        assert uploads.get(tx, waiting.id, clinician.id).state == "receiving"
        assert find(tx.session, action="retention.uploads_removed")[0]["count"] == 1


def test_a_closed_log_goes_only_when_the_auditor_has_it(database, clinician, clock, tmp_path):
    """The same bytes elsewhere; a copy that differs, the file itself by another name, and a bent log let nothing go."""
    closed, copies = tmp_path / "closed", tmp_path / "copies"
    copies.mkdir()
    file = database.renew_log(clinician, "rotation", closed).file
    clock.advance(days=400)
    public, limits = database.audit_keys.public_pem, Limits(logs=365)

    def old(where=copies, at=timedelta(0)):
        return retention.old_logs(closed, where, public, clock.now - at, limits)

    assert [one.has_copy for one in old()] == [False] == [one.has_copy for one in old(None)]
    (copies / file.name).symlink_to(file)
    assert [one.has_copy for one in old()] == [False]
    (copies / file.name).unlink()
    (copies / file.name).write_bytes(file.read_bytes()[:-1])
    assert [one.has_copy for one in old()] == [False]
    with pytest.raises(ValueError, match="auditor"), database.write(clinician) as tx:
        retention.remove_log(tx, old()[0])
    shutil.copy(file, copies)
    assert [one.has_copy for one in old()] == [True]
    assert old(at=timedelta(days=36)) == []
    with database.write(clinician) as tx:
        retention.remove_log(tx, old()[0])
    with database.read(clinician) as tx:
        assert find(tx.session, action="retention.log_left")[0]["output_sha256"] == old()[0].sha256
    file.write_bytes(file.read_bytes().replace(b"success", b"succeSs", 1))
    assert old() == []
