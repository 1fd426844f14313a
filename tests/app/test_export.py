"""A study that leaves without identity: what is in the archive, who may take it, what the record says."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pydicom
import pytest

from app import export
from app.auth import Caller
from app.identity import PSEUDONYMISED, secret_of
from app.wiring import SYSTEM
from dicom.profile import Options
from dicom.uids import derived_uid
from storage import studies, users
from storage.errors import Unreadable
from tests.app.conftest import confirmed, settled, upload
from tests.app.test_identity import PLANTED, clean_of
from tests.app.test_slides import taken_in
from tests.samples import ct_series, dicom_bytes, photo, slide


def taken(browser, study_id, query=""):
    """The archive of a study, its answer and the report in it."""
    answer = confirmed(browser, f"/api/studies/{study_id}/deidentified.zip{query}")
    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return answer, archive, json.loads(archive.read("report.json"))


@pytest.fixture(scope="module")
def browser(world):
    return world.sign_in("clinician")


@pytest.fixture(scope="module")
def study_id(world, browser):
    """Three slices and an ultrasound picture of one study."""
    still = np.random.default_rng(6).integers(50, 200, (100, 40)).astype(np.uint8)
    files = [
        *ct_series(3, study="600", **PLANTED),
        dicom_bytes(still, modality="US", study="600", series="2", **PLANTED),
    ]
    found = settled(browser, upload(browser, *files))
    return found["studies"][0]["study_id"]


def test_the_archive_holds_copies_without_identity(world, browser, study_id):
    """Under numbers, in scan order, with new UIDs that agree with those of the command line; nothing planted in any byte."""
    answer, archive, report = taken(browser, study_id)

    names = [name for name in archive.namelist() if name.endswith(".dcm")]
    files = [archive.read(name) for name in names]
    datasets = [pydicom.dcmread(io.BytesIO(one)) for one in files]
    assert names == ["01/000001.dcm", "01/000002.dcm", "01/000003.dcm", "02/000001.dcm"]
    assert clean_of(answer.content, *files)
    assert "2.25.4711" not in "".join(str(one) for one in datasets)
    assert {one.StudyInstanceUID for one in datasets} == {
        derived_uid("2.25.4711.600", secret_of(world.services))
    }
    assert {one.PatientID for one in datasets} == {datasets[0].PatientID}
    assert datasets[0].PatientID.startswith("P-")
    assert [int(one.pixel_array[0, 0]) for one in datasets[:3]] == [100, 200, 300]
    assert report["written"] == 4 and report["refused"] == []
    assert report["may_hold_text"] == ["02/000001.dcm"]
    assert {"attribute": "PatientName", "action": "Z", "files": 4} in report["removed"]
    assert {one.date_time for one in archive.infolist()} == {export.EPOCH}
    assert answer.headers["content-disposition"] == f'attachment; filename="study-{study_id[:8]}.zip"'


def test_bands_are_blanked_unless_that_is_turned_off(browser, study_id):
    """The top 12 of 100 rows of the ultrasound."""

    def top(query):
        _, archive, _ = taken(browser, study_id, query)
        return pydicom.dcmread(io.BytesIO(archive.read("02/000001.dcm"))).pixel_array[:12]

    assert len(np.unique(top(""))) == 1
    assert len(np.unique(top("?clean_pixels=false"))) > 50


def test_switches_reach_the_engine(browser, study_id):
    """Dates moved, sex kept, no pseudonym; what is no switch of dates is refused."""
    _, archive, _ = taken(
        browser, study_id, "?dates=shift&keep_characteristics=true&pseudonym=false&keep_uids=true"
    )

    ds = pydicom.dcmread(io.BytesIO(archive.read("01/000001.dcm")))
    assert (ds.PatientID, ds.PatientSex, ds.StudyInstanceUID) == (
        "REMOVED",
        "F",
        "2.25.4711.600",
    )
    assert ds.StudyDate not in ("", "20261122")
    assert browser.get(f"/api/studies/{study_id}/deidentified.zip?dates=all").status_code == 422


def test_the_record_knows_before_it_leaves_and_what_left(world, browser, study_id):
    """The profile by its codes first, then the digest of the very bytes."""
    answer, _, _ = taken(browser, study_id)

    (begun, *_), (ended, *_) = (
        world.entries(action, object_id=study_id) for action in ("study.export_begun", "study.exported")
    )
    assert (begun["files"], begun["reason"]) == (4, "113100,113101")
    assert ended["output_sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert (ended["bytes"], ended["written"], ended["refused"]) == (len(answer.content), 4, 0)


def test_only_its_owner_takes_it(world, study_id):
    """For another clinician it is not there; nobody else has clinical work to do."""
    address = f"/api/studies/{study_id}/deidentified.zip"

    assert confirmed(world.sign_in("clinician"), address).status_code == 404
    assert {world.sign_in(role).get(address).status_code for role in ("researcher", "admin", "auditor")} == {
        403
    }
    assert world.browser().get(address).status_code == 401


def test_pictures_leave_as_pixels_alone_and_slides_stay(world, browser):
    """A photograph is copied without what stood beside its pixels; a slide is left out in words."""
    case = taken_in(browser, photo(41), slide(cell=20))

    _, archive, report = taken(browser, case["study"]["study_id"])

    assert [name for name in archive.namelist() if name != "report.json"] == ["01/000001.png"]
    assert report["may_hold_text"] == ["01/000001.png"]
    assert [one["code"] for one in report["refused"]] == ["identity.slide"]
    assert "left out" in report["refused"][0]["sentence"]


def owner_of(world, study_id):
    """Whose study it is, as a caller."""
    with world.services.database.read(SYSTEM) as tx:
        user = users.get(tx, studies.get(tx, study_id, None).owner_id)
    return Caller(user=user, csrf=None, digest=None, ip="")


def test_it_is_written_while_it_is_sent(world, study_id, monkeypatch):
    """After the first piece one file was read, not all: an archive of thousands is never in memory."""
    read = []
    whole = type(world.services.files).read

    def counted(files, key, patient_id, sha256):
        read.append(sha256)
        return whole(files, key, patient_id, sha256)

    monkeypatch.setattr(type(world.services.files), "read", counted)

    pieces = export.begin(world.services, owner_of(world, study_id), study_id, PSEUDONYMISED)

    assert next(pieces) and len(read) == 1
    assert b"".join(pieces).rstrip()[-22:-18] == b"PK\x05\x06"


def test_an_archive_that_breaks_off_is_no_archive(world, study_id, monkeypatch):
    """A file that cannot be opened ends it without its directory, and the record does not say that it left."""
    before = len(world.entries("study.exported", object_id=study_id))
    whole = type(world.services.files).read
    asked = []

    def broken(files, key, patient_id, sha256):
        asked.append(sha256)
        if len(asked) == 2:
            raise Unreadable(sha256=sha256)
        return whole(files, key, patient_id, sha256)

    monkeypatch.setattr(type(world.services.files), "read", broken)
    pieces = export.begin(world.services, owner_of(world, study_id), study_id, Options())
    got = [next(pieces)]
    with pytest.raises(Unreadable):
        got += list(pieces)

    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(got)))
    assert len(world.entries("study.exported", object_id=study_id)) == before
