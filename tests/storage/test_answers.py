"""An answer is kept once, with all that is needed to ask again; the log holds none of its words."""

import json

import pytest

from storage import answers, patients, studies
from storage.audit.search import find
from storage.errors import NotFound, Unreadable
from storage.studies import NewStudy

PROMPT = {"name": "question", "version": 3, "sha256": "c" * 64, "question": "not for the log"}
MODEL = {"name": "demo", "fingerprint": "f" * 64, "demonstration": True}
OUTCOME = {"generated_tokens": 7, "seconds": 1.25, "stop_reason": "end"}
BOXES = [{"picture": 0, "level": "low", "kept": True, "x": 0.5, "y": 0.0}]


@pytest.fixture
def study(database, clinician):
    with database.write(clinician) as tx:
        patient = patients.add(tx, clinician.id, {"patient_id": "T-1"})
        study_id, _ = studies.put(
            tx, clinician.id, patient, NewStudy(study_uid="1", modality="CR", facts={}, series=[])
        )
        return studies.get(tx, study_id, clinician.id)


@pytest.fixture
def asked(database, clinician, study):
    with database.write(clinician) as tx:
        return answers.ask(
            tx,
            study,
            kind="question",
            question="Is Mrs Park's heart enlarged?",
            view={"instance_id": "i", "frame": 0, "window": [40.0, 400.0], "box": [[1.5, 2.5], [3.5, 4.5]]},
            prompt=PROMPT,
            sampling={"seed": 0, "temperature": 0.0},
        ).id


def finish(database, clinician, study, answer_id, text="The heart is enlarged."):
    with database.write(clinician) as tx:
        done = answers.finish_once(
            tx, study, answer_id, state="done", answer=text, model=MODEL, outcome=OUTCOME, boxes=BOXES
        )
        if not done:
            tx.record("answer.read", object_type="answer", object_id=answer_id)
    return done


def test_running_the_work_twice_leaves_one_answer(database, clinician, study, asked):
    """A worker that was thought dead and comes back changes nothing."""
    with database.write(clinician) as tx:
        assert answers.start(tx, study, asked).attempt == 1

    assert finish(database, clinician, study, asked)
    assert not finish(database, clinician, study, asked, "Something else.")

    with database.write(clinician) as tx:
        assert answers.start(tx, study, asked) is None
        assert not answers.fail(tx, study, asked, "model.out_of_memory")
        assert not answers.stop_waiting(tx, study, asked)
        kept = answers.get(tx, study, asked)
        tx.record("answer.read")
    assert (kept.state, kept.answer, kept.boxes) == ("done", "The heart is enlarged.", BOXES)
    assert kept.view["box"] == [[1.5, 2.5], [3.5, 4.5]]


def test_the_log_says_how_it_came_about_and_not_what_was_said(database, clinician, study, asked):
    """Model, prompt, sampling, window, crops, tokens and time are there; question and answer only as digests."""
    finish(database, clinician, study, asked)

    with database.read(clinician) as tx:
        entry = find(tx.session, action="answer.finished")[0]
        question = tx.digest(study.patient_id, "Is Mrs Park's heart enlarged?")

    assert entry["model"]["fingerprint"] == "f" * 64
    assert entry["prompt"] == {"name": "question", "version": 3, "sha256": "c" * 64}
    assert entry["view"]["window"] == ["40.0", "400.0"] and entry["view"]["box"][0] == ["1.5", "2.5"]
    assert entry["result"]["seconds"] == "1.25" and entry["crops"]["count"] == 1
    assert entry["input_digest"] == question and len(entry["output_digest"]) == 64
    for word in ("Park", "heart", "enlarged", "not for the log"):
        assert word not in json.dumps(entry)


def test_a_failure_keeps_its_cause(database, clinician, study, asked):
    """The reader is told the true cause, now and later."""
    with database.write(clinician) as tx:
        answers.start(tx, study, asked)
        answers.fail(tx, study, asked, "model.not_enough_memory")

    with database.read(clinician) as tx:
        kept = answers.of_study(tx, study)[0]
        assert (kept.state, kept.failure) == ("failed", "model.not_enough_memory")
        assert answers.unfinished(tx) == []


def test_what_waits_can_be_stopped_and_what_runs_is_the_workers(database, clinician, study, asked):
    """Stopping an answer that runs is asked of its worker, which keeps what was said so far."""
    with database.write(clinician) as tx:
        answers.start(tx, study, asked)
        assert not answers.stop_waiting(tx, study, asked)
    with database.write(clinician) as tx:
        waiting = answers.ask(tx, study, kind="caption", question=None, view={}, prompt=PROMPT, sampling={})
        assert answers.stop_waiting(tx, study, waiting.id)
        assert answers.get(tx, study, waiting.id).state == "stopped"
        assert answers.unfinished(tx) == [asked]


def test_an_answer_is_found_through_its_study_alone(database, clinician, study, asked):
    """An id guessed or leaked opens nothing without the study it belongs to."""
    with database.write(clinician) as tx:
        patient = patients.add(tx, clinician.id, {"patient_id": "T-2"})
        other, _ = studies.put(
            tx, clinician.id, patient, NewStudy(study_uid="2", modality="CR", facts={}, series=[])
        )
        with pytest.raises(NotFound):
            answers.get(tx, studies.get(tx, other, clinician.id), asked)


def test_pieces_on_their_way_are_sealed(database, clinician, study, asked):
    """The job engine keeps its streams in tables of its own; without the patient's key they say nothing."""
    with database.read(clinician) as tx:
        key = answers.piece_key(tx, study)

    sealed = answers.seal_piece(key, asked, "심장이 커져 있습니다")

    assert sealed.isascii() and answers.open_piece(key, asked, sealed) == "심장이 커져 있습니다"
    with pytest.raises(Unreadable):
        answers.open_piece(key, "another answer", sealed)
