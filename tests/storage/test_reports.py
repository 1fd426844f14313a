"""What was signed stays; what is reviewed was signed; what happens at once happens in a row."""

import threading

import pytest
from sqlalchemy.exc import DatabaseError

from storage import patients, reports, reviews, studies
from storage.errors import AlreadySigned, Conflict, NotFound, NotSigned, ReviewedBefore
from storage.reviews import CATEGORIES, ErrorMark
from storage.studies import NewStudy

FIRST = {"sections": {"findings": [{"text": "Clear.", "origin": "model", "answer_id": "a"}]}}
SECOND = {
    "sections": {
        "findings": [
            {"text": "Clear lungs.", "origin": "edited", "answer_id": "a"},
            {"text": "No effusion.", "origin": "person", "answer_id": None},
        ]
    }
}


@pytest.fixture
def study(database, clinician):
    with database.write(clinician) as tx:
        patient = patients.add(tx, clinician.id, {"patient_id": "T-1"})
        study_id, _ = studies.put(
            tx, clinician.id, patient, NewStudy(study_uid="1", modality="CR", facts={}, series=[])
        )
        return studies.get(tx, study_id, clinician.id)


@pytest.fixture
def draft(database, clinician, study):
    with database.write(clinician) as tx:
        return reports.create(tx, study, FIRST)


@pytest.fixture
def signed(database, clinician, study, draft):
    with database.write(clinician) as tx:
        reports.save(tx, study, draft.id, 1, SECOND)
        reports.set_preliminary(tx, study, draft.id, 2)
        return reports.sign(tx, study, draft.id, 2, ["laterality"])


def test_who_wrote_each_sentence_survives_signing(database, clinician, study, signed):
    """Years later it can be seen what the model said and what the person said; every version is kept."""
    with database.read(clinician) as tx:
        report = reports.of_study(tx, study)
        assert [s["origin"] for s in report.content["sections"]["findings"]] == ["edited", "person"]
        assert reports.content_of(tx, study, signed.id, 1) == FIRST
        assert [one.version for one in reports.versions(tx, signed.id)] == [1, 2]
        assert reports.signed(tx) == [(signed.id, study.id)]
    assert signed.state == "final" and signed.sha256 == report.sha256


def test_saving_the_same_text_makes_no_version(database, clinician, study, draft):
    """Autosave of an unchanged page leaves no trace of an edit."""
    with database.write(clinician) as tx:
        assert reports.save(tx, study, draft.id, 1, FIRST).version == 1
        tx.record("report.read")


def test_two_people_signing_at_once_make_one_signature(database, clinician, study, draft):
    """The second one is told, on either database."""
    start, results = threading.Barrier(2), []

    def sign():
        start.wait()
        try:
            with database.write(clinician) as tx:
                reports.sign(tx, study, draft.id, 1, [])
            results.append("signed")
        except AlreadySigned:
            results.append("refused")

    both = [threading.Thread(target=sign) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert sorted(results) == ["refused", "signed"]


def test_two_people_editing_at_once_lose_nothing(database, clinician, study, draft):
    """One saves, the other learns which version is the latest."""
    start, results = threading.Barrier(2), []

    def save(text):
        start.wait()
        try:
            with database.write(clinician) as tx:
                reports.save(tx, study, draft.id, 1, {"sections": {"findings": [{"text": text}]}})
            results.append("saved")
        except Conflict as error:
            results.append(error.facts["version"])

    both = [threading.Thread(target=save, args=(text,)) for text in ("one", "two")]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert sorted(results, key=str) == [2, "saved"]


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE report_versions SET sha256 = 'x'",
        "DELETE FROM report_versions WHERE version = 1",
        "UPDATE reports SET state = 'draft'",
        "UPDATE reports SET version = 1",
        "UPDATE reports SET signed_by = NULL",
        "UPDATE reports SET signed_at = NULL, signed_version = NULL, signed_by = NULL",
        "DELETE FROM reports",
        "UPDATE addenda SET text = sha256",
        "DELETE FROM addenda",
    ],
)
def test_the_database_refuses_to_change_what_was_signed(database, clinician, study, signed, attack):
    """Not only this code keeps the promise."""
    with database.write(clinician) as tx:
        reports.add_addendum(tx, study, signed.id, "Compared with 2025.")
    if "addenda SET" in attack and database.engine.dialect.name == "postgresql":
        attack = "UPDATE addenda SET number = 7"

    with pytest.raises(DatabaseError), database.engine.begin() as connection:
        connection.exec_driver_sql(attack)


def test_an_unsigned_report_takes_no_addendum_and_no_review(database, clinician, study, draft):
    """There is nothing yet to add to or to judge."""
    with pytest.raises(NotSigned), database.write(clinician) as tx:
        reports.add_addendum(tx, study, draft.id, "x")
    with pytest.raises(NotSigned):
        review(database, clinician, study, draft)


def review(database, actor, study, report, marks=(), rating=4):
    with database.write(actor) as tx:
        return reviews.add(
            tx,
            study,
            report.id,
            rating=rating,
            comment="환자 서술이 좋습니다.",
            seconds=61,
            edit_distance=23,
            marks=marks,
        )


def test_a_review_keeps_every_mark(database, clinician, study, signed):
    """Category, weight and place; what is missing has no sentence. The comment is sealed."""
    marks = (
        ErrorMark(category="wrong_place", significant=True, section="findings", sentence=1),
        ErrorMark(category="missed_finding", significant=False, section=None, sentence=None),
    )

    review(database, clinician, study, signed, marks)

    with database.read(clinician) as tx:
        (kept,) = reviews.of_report(tx, study, signed.id)
    assert kept.marks == marks and kept.comment == "환자 서술이 좋습니다."
    assert (kept.rating, kept.seconds, kept.edit_distance) == (4, 61, 23)
    with pytest.raises(ReviewedBefore):
        review(database, clinician, study, signed)


@pytest.mark.parametrize(
    "mark",
    [
        ("wrong_place", "findings", 2),
        ("wrong_place", "impression", 0),
        ("wrong_place", None, None),
        ("bad_taste", "findings", 0),
    ],
)
def test_a_mark_must_point_at_something(database, clinician, study, signed, mark):
    """A sentence that is not there, or a category that is none, is refused."""
    category, section, sentence = mark

    with pytest.raises(ValueError):
        review(
            database,
            clinician,
            study,
            signed,
            [ErrorMark(category=category, significant=True, section=section, sentence=sentence)],
        )
    assert len(CATEGORIES) == 6


def test_a_release_is_noted_once_and_stays(database, clinician, study):
    """What a clinician let researchers see."""
    for _ in range(2):
        with database.write(clinician) as tx:
            reviews.release(tx, study, "text")

    with database.read(clinician) as tx:
        assert reviews.released(tx, study.id) == {"text"}
        with pytest.raises(NotFound):
            reports.study_of(tx, "0" * 32)
