"""A change commits with its entries or not at all, on both databases."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

import storage.engines
from storage import patients, reports, studies, users, worklist
from storage.audit.search import find, verify_rows
from storage.database import Database
from storage.errors import Conflict, NotDurable, NotFound, Unreadable, UnrecordedChange, WrongPatient
from storage.studies import NewInstance, NewSeries, NewStudy

KIM = {"name": "KIM^Test", "patient_id": "T-1", "birth_date": "1961-03-14", "sex": "M"}


def new_study(uid="1.2.3", files=("a" * 64,)):
    """A study of one series."""
    instances = [
        NewInstance(sop_uid=f"{uid}.{i}", file_sha256=f, frames=1, facts={"rows": 4})
        for i, f in enumerate(files)
    ]
    series = NewSeries(key=f"{uid}.1", modality="CT", facts={"description": "Brain"}, instances=instances)
    return NewStudy(study_uid=uid, modality="CT", facts={"description": "Head CT"}, series=[series])


def put(database, actor, identity=KIM, **kwargs):
    with database.write(actor) as tx:
        patient_id = patients.add(tx, actor.id, identity)
        study_id, _ = studies.put(tx, actor.id, patient_id, new_study(**kwargs))
    return study_id


def test_a_change_without_an_entry_does_not_commit(database, clinician):
    """Nothing goes unrecorded, not even by mistake."""
    with pytest.raises(UnrecordedChange), database.write(clinician) as tx:
        tx.session.execute(text("UPDATE users SET display_name = 'changed'"))

    with database.read(clinician) as tx:
        assert users.get(tx, clinician.id).display_name == "이서연"


def test_housekeeping_cannot_carry_a_change(database, clinician):
    """The door without a book is too narrow for a patient."""
    with pytest.raises(UnrecordedChange), database.keep_house(clinician) as tx:
        patients.add(tx, clinician.id, KIM)


def test_a_study_is_found_by_its_owner_alone(database, clinician):
    """What belongs to somebody else does not exist for me."""
    study_id = put(database, clinician)

    with database.read(clinician) as tx:
        study = studies.get(tx, study_id, clinician.id)
        assert study.identity["name"] == "KIM^Test"
        with pytest.raises(NotFound):
            studies.get(tx, study_id, "somebody else")
        assert worklist.listed(tx, "somebody else") == []


def test_the_same_files_again_add_nothing_and_more_files_grow_the_study(database, clinician):
    """An upload can be repeated without harm, and ids stay what they were."""
    put(database, clinician)
    with database.read(clinician) as tx:
        before = studies.series(
            tx, studies.get(tx, studies.find_by_uid(tx, clinician.id, "1.2.3"), clinician.id)
        )

    put(database, clinician, files=("a" * 64, "b" * 64))

    with database.read(clinician) as tx:
        after = studies.series(
            tx, studies.get(tx, studies.find_by_uid(tx, clinician.id, "1.2.3"), clinician.id)
        )
    assert [len(one.instances) for one in after] == [2]
    assert after[0].id == before[0].id
    assert after[0].instances[0].id == before[0].instances[0].id


def test_another_patients_picture_is_refused(database, clinician):
    """Two people can never share a study."""
    put(database, clinician)

    with pytest.raises(WrongPatient):
        put(database, clinician, identity={**KIM, "patient_id": "T-2"})


def test_search_finds_any_script_and_any_case(database, clinician):
    """As one types, in Hangul too."""
    put(database, clinician, identity={**KIM, "name": "홍길동"})

    with database.read(clinician) as tx:
        assert len(worklist.listed(tx, clinician.id, search="홍길")) == 1
        assert len(worklist.listed(tx, clinician.id, search="head ct")) == 1
        assert worklist.listed(tx, clinician.id, search="nobody") == []


def test_nothing_of_a_patient_stands_in_clear_in_any_table(database, clinician):
    """Reading the database file tells nobody's name."""
    put(database, clinician)

    with database.read(clinician) as tx:
        for table in ("patients", "studies", "series", "instances", "audit_event", "audit_index"):
            for row in tx.session.execute(text(f"SELECT * FROM {table}")):
                assert "KIM" not in str(row) and "T-1" not in str(row) and "Head CT" not in str(row)


def test_erasing_a_patient_leaves_a_log_that_verifies(database, clinician):
    """The right to be forgotten and the duty to record do not exclude each other."""
    study_id = put(database, clinician)

    with database.write(clinician) as tx:
        patients.erase(tx, studies.get(tx, study_id, clinician.id).patient_id, "requested")

    with database.read(clinician) as tx:
        with pytest.raises(Unreadable):
            studies.get(tx, study_id, clinician.id)
        verdict = verify_rows(tx.session, database.audit_keys.public_pem, first_key(database))
    assert verdict.status == 0, verdict


def first_key(database):
    return bytes.fromhex((database.audit_keys.folder / "escrow" / "first-chain.key").read_text())


def test_a_report_is_signed_once_and_its_text_stays(database, clinician):
    """Editing and signing again are refused; only an addendum is possible."""
    study_id = put(database, clinician)
    with database.write(clinician) as tx:
        study = studies.get(tx, study_id, clinician.id)
        report = reports.create(
            tx, study, {"sections": {"findings": [{"text": "Clear.", "origin": "model"}]}}
        )
    with database.write(clinician) as tx:
        report = reports.save(
            tx,
            study,
            report.id,
            1,
            {"sections": {"findings": [{"text": "Clear lungs.", "origin": "edited"}]}},
        )
    with pytest.raises(Conflict), database.write(clinician) as tx:
        reports.save(tx, study, report.id, 1, {"sections": {}})

    with database.write(clinician) as tx:
        signed = reports.sign(tx, study, report.id, 2, [])

    assert signed.state == "final" and signed.signed_by == clinician.id
    for act in (
        lambda tx: reports.save(tx, study, report.id, 2, {"sections": {}}),
        lambda tx: reports.sign(tx, study, report.id, 2, []),
    ):
        with pytest.raises(Conflict), database.write(clinician) as tx:
            act(tx)
    with database.write(clinician) as tx:
        amended = reports.add_addendum(tx, study, report.id, "Compared with 2025.")
    assert amended.state == "amended"
    assert amended.content["sections"]["findings"][0] == {"text": "Clear lungs.", "origin": "edited"}
    assert amended.sha256 == signed.sha256


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_event SET epoch = 9",
        "DELETE FROM audit_event",
        "DELETE FROM audit_head",
        "UPDATE audit_checkpoint SET size = 9",
        "INSERT INTO audit_event SELECT seq + 5, epoch, body, mac FROM audit_event WHERE seq = 0",
    ],
)
def test_the_database_itself_refuses_to_bend_the_log(database, clinician, attack, clock):
    """Injected SQL does not get far."""
    clock.advance(minutes=2)
    put(database, clinician)

    with pytest.raises(DatabaseError), database.engine.begin() as connection:
        connection.exec_driver_sql(attack)


def test_replacing_a_row_is_refused_where_it_exists(database, clinician):
    """SQLite's INSERT OR REPLACE would delete without firing a delete trigger."""
    verb = "INSERT OR REPLACE" if database.engine.dialect.name == "sqlite" else "TRUNCATE audit_event; INSERT"

    with pytest.raises(DatabaseError), database.engine.begin() as connection:
        connection.exec_driver_sql(
            f"{verb} INTO audit_event SELECT seq, 7, body, mac FROM audit_event WHERE seq = 0"
        )


def test_entries_are_found_by_what_they_say(database, clinician):
    """An auditor asks for one kind of action and gets just that."""
    put(database, clinician)

    with database.read(clinician) as tx:
        entries = find(tx.session, action="study.")

    assert [entry["action"] for entry in entries] == ["study.added"]
    assert entries[0]["actor"]["id"] == clinician.id


def test_a_database_that_may_lose_what_it_acknowledged_is_not_opened(
    database_url, database, clinician, tmp_path, monkeypatch
):
    """SQLite below FULL, PostgreSQL with a setting for speed: the log says nothing it cannot keep."""
    other = Database(database_url, database.keyring, database.audit_keys, database.clock)
    if other.engine.dialect.name == "sqlite":
        weak = [one.replace("FULL", "NORMAL") for one in storage.engines.SQLITE_PRAGMAS]
        monkeypatch.setattr(storage.engines, "SQLITE_PRAGMAS", weak)
        named = "synchronous = 1"
    else:
        name = other.engine.url.database
        with database.engine.connect() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit TO off")
            connection.commit()
        named = "synchronous_commit = off"

    with pytest.raises(NotDurable, match=named):
        other.open(clinician)

    other.close()
