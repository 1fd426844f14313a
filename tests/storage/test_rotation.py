"""After a rotation everything opens as before, for who was working meanwhile too, and the old key opens nothing new."""

from io import BytesIO

import pytest
import sqlalchemy as sa

from storage import patients, reports, rotation, studies
from storage.audit.keys import AuditKeys
from storage.audit.search import find, verify_rows
from storage.database import Actor, Database
from storage.errors import KeyMissing, Unreadable
from storage.files import FileStore
from storage.migrate import migrate
from storage.rotation import rotate
from storage.rows import PatientKeyRow
from storage.sealing import Keyring, SiteKey
from storage.studies import NewStudy
from storage.verifier import CLEAN

OPERATOR = Actor(id="operator", role="system")
CONTENT = {"sections": {"findings": [{"text": "Clear.", "origin": "person", "answer_id": None}]}}


@pytest.fixture
def site(tmp_path):
    Keyring.create(tmp_path / "site.key")
    return tmp_path / "site.key"


@pytest.fixture
def database(database_url, tmp_path, clock, site):
    """As in the other tests, with a site key that lies in a file."""
    opened = Database(database_url, Keyring.load(site), AuditKeys.create(tmp_path / "audit"), clock)
    migrate(opened.engine)
    opened.open(OPERATOR)
    yield opened
    opened.close()


@pytest.fixture
def signed(database, clinician, tmp_path):
    """A signed report and a file of one patient."""
    with database.write(clinician) as tx:
        patient_id = patients.add(tx, clinician.id, {"name": "김하늘", "patient_id": "T-1"})
        study_id, _ = studies.put(
            tx, clinician.id, patient_id, NewStudy(study_uid="1", modality="CR", facts={}, series=[])
        )
        study = studies.get(tx, study_id, clinician.id)
        report = reports.create(tx, study, CONTENT)
        reports.sign(tx, study, report.id, 1, [])
        file = FileStore(tmp_path / "files").add(tx, patient_id, BytesIO(b"pixels"))
    return patient_id, study_id, report.id, file.sha256


def opens(database, clinician, signed, tmp_path):
    patient_id, study_id, report_id, sha256 = signed
    with database.read(clinician) as tx:
        study = studies.get(tx, study_id, clinician.id)
        assert study.identity["name"] == "김하늘"
        assert reports.get(tx, study, report_id).content == CONTENT
        assert FileStore(tmp_path / "files").read(tx.patient_key(patient_id), patient_id, sha256) == b"pixels"


def wrapped(database):
    with database.read(OPERATOR) as tx:
        return dict(tx.session.execute(sa.select(PatientKeyRow.patient_id, PatientKeyRow.wrapped)).all())


def test_old_reports_open_and_the_record_verifies_after_it(
    database, clinician, signed, site, tmp_path, clock
):
    """For this process, for one that was running all along, and for one that starts afterwards."""
    beside = Database(str(database.engine.url), Keyring.load(site), database.audit_keys, clock)
    opens(beside, clinician, signed, tmp_path)

    assert rotate(database, site, OPERATOR) == 1

    later = Database(str(database.engine.url), Keyring.load(site), database.audit_keys, clock)
    later.open(OPERATOR)
    for one in (database, beside, later):
        opens(one, clinician, signed, tmp_path)
        with one.write(clinician) as tx:
            assert patients.add(tx, clinician.id, {"name": "김하늘", "patient_id": "T-1"}) == signed[0]
            tx.record("study.read")
    with database.read(OPERATOR) as tx:
        assert verify_rows(tx.session, database.audit_keys.public_pem).status == CLEAN
        assert find(tx.session, action="key.rotated")[0]["count"] == 1
    beside.close()
    later.close()


def test_the_old_key_opens_nothing_afterwards(database, clinician, signed, site):
    """A thief of the old file and of tonight's database reads nothing."""
    old = SiteKey.read(site)

    rotate(database, site, OPERATOR)

    (row,) = wrapped(database).items()
    with pytest.raises(Unreadable):
        Keyring(old).patient_key(*row)
    assert old.current.hex() not in site.read_text()
    assert site.stat().st_mode & 0o777 == 0o400
    stale = Database(str(database.engine.url), Keyring(old), database.audit_keys, database.clock)
    with pytest.raises(KeyMissing):
        stale.open(OPERATOR)
    stale.close()


def test_who_arrives_while_it_runs_is_wrapped_under_the_new_key(
    database, clinician, signed, site, clock, monkeypatch
):
    """A process that was started before knows of the new key at its next patient."""
    beside = Database(str(database.engine.url), Keyring.load(site), database.audit_keys, clock)
    step = rotation._wrap_some
    arrived = []

    def and_a_patient(*them):
        done = step(*them)
        with beside.write(clinician) as tx:
            arrived.append(patients.add(tx, clinician.id, {"patient_id": f"T-{len(arrived) + 2}"}))
        return done

    monkeypatch.setattr(rotation, "_wrap_some", and_a_patient)

    rotate(database, site, OPERATOR)

    fresh = Keyring.load(site)
    assert len(arrived) >= 1
    assert all(fresh.patient_key(*row) for row in wrapped(database).items())
    beside.close()


def test_one_that_was_stopped_goes_on(database, clinician, signed, site, monkeypatch, tmp_path):
    """Killed anywhere, both keys are in the file; the next command finishes this rotation and begins no other."""
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "_wrap_some", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            rotate(database, site, OPERATOR)
    halfway = SiteKey.read(site)
    assert len(halfway.older) == 1
    opens(database, clinician, signed, tmp_path)

    rotate(database, site, OPERATOR)

    assert SiteKey.read(site) == halfway.settled()
    opens(database, clinician, signed, tmp_path)


def test_names_and_secrets_stay(site):
    """Pseudonyms in the record, and UIDs of copies that were given away, must go on meaning the same."""
    before = Keyring.load(site)

    now = SiteKey.read(site).rotated().settled()
    site.chmod(0o600)
    site.write_bytes(now.text())

    after = Keyring.load(site)
    assert after.pseudonym("patient", "T-1") == before.pseudonym("patient", "T-1")
    assert after.secret("deidentified") == before.secret("deidentified")
    assert after != before and "older" not in site.read_text()
    with pytest.raises(KeyMissing):
        after.secret("another")
