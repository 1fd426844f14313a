"""The verbs that write copies without identity and say what a file is."""

import json

import numpy as np
import pydicom
import pytest

from app.cli import main
from tests.samples import ct_series, dicom_bytes, photo


@pytest.fixture
def secret(tmp_path):
    """A file with a secret."""
    path = tmp_path / "secret.txt"
    path.write_bytes(b"k" * 32)
    return path


def run(capsys, *arguments):
    """Exit status, report and what was said beside it."""
    status = main([str(one) for one in arguments])
    said = capsys.readouterr()
    return status, json.loads(said.out) if said.out else None, said.err


def test_a_folder_becomes_a_folder_without_names(tmp_path, secret, capsys):
    """Copies under numbers; the report names attributes and counts, no value and no file."""
    folder = tmp_path / "HONG_GILDONG"
    folder.mkdir()
    for number, data in enumerate(ct_series(2, name="HONG^GILDONG")):
        (folder / f"HONG{number}.dcm").write_bytes(data)
    (folder / "HONG.txt").write_bytes(b"HONG GILDONG was here")

    status, report, said = run(capsys, "deidentify", folder, tmp_path / "out", "--secret", secret)

    assert status == 1 and report["written"] == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000002.dcm", "000003.dcm"]
    assert report["refused"][0]["code"] == "dicom.not_dicom" and report["refused"][0]["file"] == 1
    assert {"attribute": "PatientName", "action": "Z", "files": 2} in report["removed"]
    assert "HONG" not in json.dumps(report) + said
    assert all(b"HONG" not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_one_file_becomes_one_file_and_none_is_overwritten(tmp_path, secret, capsys):
    """What lies there stays; the same secret gives the same UIDs."""
    (tmp_path / "in").write_bytes(ct_series(1)[0])

    first, report, _ = run(capsys, "deidentify", tmp_path / "in", tmp_path / "out.dcm", "--secret", secret)
    again, nothing, said = run(
        capsys, "deidentify", tmp_path / "in", tmp_path / "out.dcm", "--secret", secret
    )
    run(capsys, "deidentify", tmp_path / "in", tmp_path / "two.dcm", "--secret", secret)

    assert (first, report["written"], report["may_hold_text"]) == (0, 1, [])
    assert again == 2 and nothing is None and "nothing is overwritten" in said
    one, two = (pydicom.dcmread(tmp_path / name) for name in ("out.dcm", "two.dcm"))
    assert one.SOPInstanceUID == two.SOPInstanceUID


def test_switches_are_the_options_of_the_profile(tmp_path, secret, capsys):
    """Dates shifted, sex and age kept, the band of an ultrasound blanked and the picture named as suspect."""
    values = np.full((50, 40), 90, np.uint8)
    values[20, 20] = 0
    (tmp_path / "in").write_bytes(dicom_bytes(values, modality="US", PatientAge="047Y"))

    status, report, said = run(
        capsys, "deidentify", tmp_path / "in", tmp_path / "out.dcm", "--secret", secret,
        "--dates", "shift", "--keep-characteristics", "--clean-pixels",
    )  # fmt: skip

    after = pydicom.dcmread(tmp_path / "out.dcm")
    assert status == 0 and report["may_hold_text"] == ["1"] and "burned into the pixels" in said
    assert after.PatientAge == "047Y" and len(after.StudyDate) == 8 and after.StudyDate != "20261122"
    assert (after.pixel_array[:6] == 0).all() and (after.pixel_array[6:] == values[6:]).all()


def test_a_short_secret_is_refused(tmp_path, capsys):
    """A word could be guessed, and with it every UID."""
    (tmp_path / "in").write_bytes(ct_series(1)[0])
    (tmp_path / "word").write_bytes(b"hospital\n")

    status, _, said = run(
        capsys, "deidentify", tmp_path / "in", tmp_path / "out", "--secret", tmp_path / "word"
    )

    assert status == 2 and "8 bytes" in said and not (tmp_path / "out").exists()


def test_without_a_secret_the_installation_has_to_have_one(tmp_path, capsys, monkeypatch):
    """A secret nobody keeps would be as good as none."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "none"))
    (tmp_path / "in").write_bytes(ct_series(1)[0])

    assert run(capsys, "deidentify", tmp_path / "in", tmp_path / "out")[0] == 2


def test_inspect_says_what_a_file_is_and_nothing_of_the_patient(tmp_path, capsys):
    """Shape, what tells, what the picture is; with the switch the values too."""
    (tmp_path / "in").write_bytes(
        dicom_bytes(np.arange(64, dtype=np.int16).reshape(8, 8), name="HONG^GILDONG", BodyPartExamined="CHEST",
                    StudyDescription="HONG", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    )  # fmt: skip

    status, found, _ = run(capsys, "inspect", tmp_path / "in")
    _, all_of_it, _ = run(capsys, "inspect", tmp_path / "in", "--identity")

    assert status == 0 and found["readable"] and (found["rows"], found["modality"]) == (8, "CT")
    assert found["region"] == "chest" and found["findings"] == ["localizer"]
    assert {"attribute": "PatientName", "kind": "person", "places": 1, "identifies": True} in found["tells"]
    assert "HONG" not in json.dumps(found)
    assert all_of_it["identity"]["identity"]["name"]["alphabetic"] == "HONG, GILDONG"


def test_inspect_says_why_a_file_is_refused(tmp_path, capsys):
    """Status 1 and the reason; a photograph is read like any picture."""
    (tmp_path / "text").write_bytes(b"nothing of use")
    (tmp_path / "photo").write_bytes(photo())

    status, found, _ = run(capsys, "inspect", tmp_path / "text")

    assert (status, found["readable"], found["code"]) == (1, False, "dicom.not_dicom")
    assert run(capsys, "inspect", tmp_path / "photo")[1]["kind"] == "photo"
