"""Studies grow without losing what points at them, and a long worklist costs one statement."""

import pytest
import sqlalchemy as sa

from storage import answers, marks, patients, studies, worklist
from storage.database import Actor
from storage.errors import NotFound, WrongPatient
from storage.studies import NewInstance, NewSeries, NewStudy

KIM = {"name": "KIM^Test", "patient_id": "T-1", "birth_date": "1961-03-14"}


def file(uid, digest=None, frames=1):
    return NewInstance(sop_uid=uid, file_sha256=(digest or uid) * 8, frames=frames, facts={"rows": 4})


def of(*series, uid="1.2.3"):
    """A CT study whose series are (key, files)."""
    made = [NewSeries(key=key, modality="CT", facts={}, instances=files) for key, files in series]
    return NewStudy(study_uid=uid, modality="CT", facts={"description": "Head CT"}, series=made)


def put(database, actor, study, identity=KIM, study_id=None):
    with database.write(actor) as tx:
        return studies.put(tx, actor.id, patients.add(tx, actor.id, identity), study, study_id)


def layout(database, actor, study_id):
    """Series as lists of instance ids, in order."""
    with database.read(actor) as tx:
        found = studies.series(tx, studies.get(tx, study_id, actor.id))
        return [[one.id for one in series.instances] for series in found]


def test_the_same_file_twice_in_one_upload_is_one_picture(database, clinician):
    """A folder copied twice into one upload does not double the study."""
    study_id, added = put(database, clinician, of(("a", [file("1"), file("2"), file("1")])))

    assert added == 2
    assert [len(one) for one in layout(database, clinician, study_id)] == [2]


def test_files_that_come_later_stand_behind_and_move_nothing(database, clinician):
    """Marks and answers point at ids; an upload of the rest of a study must not change them."""
    study_id, _ = put(database, clinician, of(("a", [file("1"), file("2")]), ("b", [file("3")])))
    before = layout(database, clinician, study_id)

    again, added = put(database, clinician, of(("c", [file("5", frames=7)]), ("a", [file("4")])))

    after = layout(database, clinician, study_id)
    assert (again, added) == (study_id, 2)
    assert after[0] == before[1]
    assert after[2][:2] == before[0] and len(after[1]) == 1
    with database.read(clinician) as tx:
        assert worklist.listed(tx, clinician.id)[0].instances == 3 + 7 + 1


def test_a_series_grouped_anew_gives_its_files_away(database, clinician):
    """With all files at hand the grouping may differ; no picture is lost and no empty series stays."""
    study_id, _ = put(database, clinician, of(("a", [file("1")]), ("b", [file("2")])))
    (first,), (second,) = layout(database, clinician, study_id)

    _, added = put(database, clinician, of(("whole", [file("2"), file("1")])))

    assert added == 0
    assert layout(database, clinician, study_id) == [[second, first]]


def test_a_picture_offered_to_an_open_study_must_be_of_its_patient(database, clinician):
    """Even when its own UID would make it a study of its own."""
    study_id, _ = put(database, clinician, of(("a", [file("1")])))

    with pytest.raises(WrongPatient):
        put(database, clinician, of(("x", [file("9")]), uid="9"), {**KIM, "patient_id": "T-2"}, study_id)
    assert put(database, clinician, of(("x", [file("9")]), uid="9"), KIM, study_id) == (study_id, 1)
    with pytest.raises(NotFound):
        put(database, clinician, of(("x", [file("8")]), uid="9"), KIM, "0" * 32)


def test_a_long_worklist_costs_one_statement(database, clinician):
    """Two thousand studies must not become thousands of questions to the database."""
    with database.write(clinician) as tx:
        for number in range(40):
            patient = patients.add(tx, clinician.id, {**KIM, "patient_id": f"T-{number}"})
            study = of(("a", [file("1")]), uid=f"1.{number}")
            studies.put(tx, clinician.id, patient, study)
    asked = []

    with database.read(clinician) as tx:
        sa.event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
        lines = worklist.listed(tx, clinician.id, search="t-1")

    assert len(lines) == 11
    assert len(asked) == 1


def test_the_worklist_shows_state_answers_and_urgency(database, clinician, clock):
    """Urgent first, then in the order asked for; filters leave only what fits."""
    first, _ = put(database, clinician, of(("a", [file("1")]), uid="1"))
    clock.advance(minutes=1)
    second, _ = put(database, clinician, of(("a", [file("1")]), uid="2"))
    with database.write(clinician) as tx:
        study = studies.get(tx, first, clinician.id)
        answers.ask(
            tx, study, kind="question", question="?", view={}, prompt={"name": "question"}, sampling={}
        )

    def ids(**wanted):
        with database.read(clinician) as tx:
            return [line.study.id for line in worklist.listed(tx, clinician.id, **wanted)]

    assert ids() == [second, first] and ids(sort="oldest") == [first, second]
    assert ids(state="new") == [second, first] and ids(state="final") == [] and ids(modality="MR") == []
    with database.write(clinician) as tx:
        studies.change(tx, first, clinician.id, urgent=True)
    assert ids() == [first, second]
    with database.read(clinician) as tx:
        assert [line.running for line in worklist.listed(tx, clinician.id)] == [1, 0]


def test_a_mark_belongs_to_a_frame_of_its_study(database, clinician):
    """A measurement cannot be put on a picture of another study, or on a frame that is not there."""
    first, _ = put(database, clinician, of(("a", [file("1", frames=2)]), uid="1"))
    second, _ = put(database, clinician, of(("a", [file("1")]), uid="2"))
    (picture,), (foreign,) = layout(database, clinician, first)[0], layout(database, clinician, second)[0]
    line = {"points": [[1.5, 2.0], [3.0, 4.0]]}

    with database.write(clinician) as tx:
        study = studies.get(tx, first, clinician.id)
        mark = marks.add(tx, study, instance_id=picture, frame=1, kind="length", geometry=line)

    for instance_id, frame in ((foreign, 0), (picture, 2)):
        with pytest.raises(NotFound), database.write(clinician) as tx:
            marks.add(tx, study, instance_id=instance_id, frame=frame, kind="length", geometry=line)
    with database.read(clinician) as tx:
        assert marks.of_study(tx, study) == [mark] and mark.geometry == line
    with database.write(clinician) as tx:
        marks.remove(tx, study, mark.id)
    with database.read(clinician) as tx:
        assert marks.of_study(tx, study) == []


def test_patients_without_a_number_are_told_apart(database, clinician):
    """A nameless picture never joins another nameless picture's patient."""
    other = Actor(id=clinician.id, role="clinician")

    with database.write(other) as tx:
        nameless = [patients.add(tx, clinician.id, {}) for _ in range(2)]
        named = [
            patients.add(tx, clinician.id, {"name": "LEE^A", "birth_date": day}) for day in ("1", "2", "1")
        ]

    assert nameless[0] != nameless[1]
    assert named[0] == named[2] != named[1]


def test_known_files_are_told_by_owner_in_one_go(database, clinician):
    """Of many that arrive, those that lie in a study of this owner; another's are not his."""
    put(database, clinician, of(("a", [file(f"{n:03}") for n in range(600)])))
    other = Actor(id="other", role="clinician")
    asked = [f"{n:03}" * 8 for n in range(590, 700)] + [f"{n:03}" * 8 for n in range(595)]
    with database.read(clinician) as tx:
        mine, theirs = (studies.known_instances(tx, one.id, asked) for one in (clinician, other))
        one_by_one = {digest for digest in asked if studies.instance_known(tx, clinician.id, digest)}

    assert mine == one_by_one and len(mine) == 600
    assert theirs == set()
