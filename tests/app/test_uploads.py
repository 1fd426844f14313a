"""Uploads: what hospitals send, what goes wrong on the way, and what must never get in."""

import struct
import threading
import time
import zipfile
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless

from tests.app.conftest import open_world, settled, upload
from tests.samples import ct_series, dicom_bytes, photo

CHEST = np.arange(64, dtype=np.uint16).reshape(8, 8)
DETAILS = {
    "patient_name": "Kim Min",
    "patient_id": "P-77",
    "birth_date": "1970-02-28",
    "sex": "M",
    "study_date": "2026-11-20",
    "kind": "pathology",
    "specimen": "Colon",
    "block": "A1",
    "stain": "HE",
    "um_per_pixel": 0.5,
}


def zipped(**files):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def huge_jpeg2000():
    """A header that promises 20,000 by 20,000 pixels over a few bytes."""
    ds = pydicom.dcmread(BytesIO(dicom_bytes(CHEST, modality="DX")))
    size = struct.pack(">HIIIIIIIIH", 0, 20000, 20000, 0, 0, 20000, 20000, 0, 0, 1) + bytes([7, 1, 1])
    stream = b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.PixelData = pydicom.encaps.encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds.Rows = ds.Columns = 20000
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def without_pixels():
    ds = pydicom.dcmread(BytesIO(dicom_bytes(CHEST, modality="SR")))
    del ds.PixelData
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


HOSTILE = {
    "an empty file": (lambda: b"", "dicom.empty_file"),
    "text renamed": (lambda: b"Dear colleague, " * 100, "dicom.not_"),
    "a cut file": (lambda: dicom_bytes(np.ones((64, 64), np.int16))[:-2000], "dicom."),
    "a report without pixels": (without_pixels, "dicom.no_pixels"),
    "a 20,000-pixel JPEG 2000": (huge_jpeg2000, "dicom."),
    "an archive that leaves its folder": (lambda: zipped(**{"..__..__etc__passwd": b"root"}), "dicom."),
    "an archive that swells": (lambda: zipped(bomb=bytes(64 << 20)), "dicom.too_large"),
    "an archive in an archive": (lambda: zipped(inner=zipped(a=b"a")), "dicom.bad_archive"),
}


def test_a_series_becomes_a_study_of_the_worklist(world, sent):
    """Three slices and a folder's rubbish go in; one study with three pictures in scan order stands in the list."""
    browser = world.sign_in("clinician")

    found = sent(browser, *reversed(ct_series(3)))

    line = browser.get("/api/studies").json()["studies"][0]
    study = browser.get(f"/api/studies/{line['study_id']}").json()
    series = study["series"][0]
    manifest = browser.get(f"/api/series/{series['series_id']}/manifest").json()
    assert found["state"] == "done"
    assert [one["study_id"] for one in found["studies"]] == [line["study_id"]]
    assert (line["patient_name"], line["modality"], line["instances"]) == ("TEST, Phantom", "CT", 3)
    assert [frame["position_mm"][2] for frame in manifest["frames"]] == [2.5, 5.0, 7.5]
    assert manifest["windows"][0]["center"] == 200
    assert manifest["unit"] == "HU"
    for place, frame in enumerate(manifest["frames"]):
        answer = browser.get(frame["url"])
        values = np.frombuffer(answer.content, "<i2").reshape(8, 8)
        assert (answer.headers["x-rows"], answer.headers["x-dtype"]) == ("8", "int16")
        assert (values == 100 * (place + 1)).all()


def test_the_picture_is_shown_as_the_window_says(world, sent):
    """The middle of the window is the middle of the gray, in the picture that screen, model and paper share."""
    from PIL import Image

    browser = world.sign_in("clinician")
    study_id = sent(browser, *ct_series(1))["studies"][0]["study_id"]
    series_id = browser.get(f"/api/studies/{study_id}").json()["series"][0]["series_id"]
    url = browser.get(f"/api/series/{series_id}/manifest").json()["frames"][0]["url"]

    shown = browser.get(f"{url}/rendered.png?center=100&width=400")
    inverted = browser.get(f"{url}/rendered.png?center=300&width=201&invert=true")

    assert np.unique(np.asarray(Image.open(BytesIO(shown.content)))).tolist() == [128]
    assert np.unique(np.asarray(Image.open(BytesIO(inverted.content)))).tolist() == [255]
    assert browser.get(f"/api/series/{series_id}/thumbnail").headers["content-type"] == "image/png"
    assert browser.get(f"/api/studies/{study_id}/thumbnail").status_code == 200


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_sentence_and_the_rest_goes_on(world, sent, name):
    """Beside a bad file the good one is taken in; the bad one is named, explained, recorded, and gone."""
    make, code = HOSTILE[name]
    browser, bad = world.sign_in("clinician"), make()

    found = sent(browser, bad, *ct_series(1))

    refused = found["refused"]
    assert found["state"] == "done"
    assert len(found["studies"]) == 1
    assert [one["n"] for one in refused] == [0]
    assert refused[0]["code"].startswith(code)
    assert len(refused[0]["sentence"]) > 20
    assert "{" not in refused[0]["sentence"]
    assert world.entries("upload.refused")[0]["reason"] == refused[0]["code"]
    assert not list(world.services.settings.scratch.glob("*/*"))
    assert browser.get("/ready").status_code == 200


def test_an_upload_of_nothing_usable_is_refused_as_a_whole(world, sent):
    """Nothing stands in the worklist, and the page can say why."""
    browser = world.sign_in("clinician")

    found = sent(browser, b"", b"nothing")

    assert found["state"] == "refused"
    assert [one["n"] for one in found["refused"]] == [0, 1]
    assert browser.get("/api/studies").json()["total"] == 0


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>^X", "${alert(1)}^{{7*7}}", "A^B\x1b[31m\u202egnp"]
)
def test_a_name_that_is_code_stays_text(world, sent, name):
    """Markup and templates are only characters; control and direction characters are gone."""
    browser = world.sign_in("clinician")

    sent(browser, dicom_bytes(CHEST.astype(np.int16), name=name))

    shown = browser.get("/api/studies").json()["studies"][0]["patient_name"]
    assert shown
    assert not set(shown) & set("\x1b\u202e")
    assert browser.get("/api/studies").headers["content-type"] == "application/json"


def test_an_archive_is_a_folder(world, sent):
    """A ZIP of a study is the study, whatever its files are called."""
    browser = world.sign_in("clinician")
    archive = zipped(**{f"HONG^GILDONG__IM{place}": data for place, data in enumerate(ct_series(3))})

    found = sent(browser, archive)

    assert found["state"] == "done"
    assert found["studies"][0]["instances"] == 3


def test_the_same_file_again_is_recognised(world, sent):
    """Sent twice in one upload or in two, a picture is there once, and the page says so."""
    browser = world.sign_in("clinician")
    first, second = ct_series(2)

    twice = sent(browser, first, first)
    again = sent(browser, first, second)

    assert twice["duplicates"] == 1
    assert again["duplicates"] == 1
    assert again["studies"][0]["study_id"] == twice["studies"][0]["study_id"]
    assert again["studies"][0]["instances"] == 2


def test_a_picture_without_header_asks_whose_it_is(world, sent):
    """Patient, date, specimen and scale come from a person; what they wrote stands in the study."""
    browser, png = world.sign_in("clinician"), photo()

    waiting = sent(browser, png)
    upload_id = waiting["pictures"][0]["thumbnail_url"].split("/")[3]
    small = browser.get(waiting["pictures"][0]["thumbnail_url"])
    answer = browser.post(f"/api/uploads/{upload_id}/details", json=DETAILS)
    found = settled(browser, upload_id)

    study_id = found["studies"][0]["study_id"]
    study = browser.get(f"/api/studies/{study_id}").json()
    manifest = browser.get(f"/api/series/{study['series'][0]['series_id']}/manifest").json()
    assert waiting["state"] == "needs_details"
    assert (waiting["pictures"][0]["width"], waiting["pictures"][0]["height"]) == (96, 64)
    assert small.headers["content-type"] == "image/png"
    assert answer.status_code == 202
    assert (study["study"]["patient_name"], study["study"]["birth_date"]) == ("Kim Min", "1970-02-28")
    assert study["study"]["study_date"] == "2026-11-20"
    assert manifest["spacing_mm"] == [0.0005, 0.0005]
    assert study["identity_complete"] is True


def test_unknown_stays_visibly_unknown(world, sent):
    """Nothing is invented for a picture of nobody: it can be looked at, and not be signed."""
    browser = world.sign_in("clinician")
    waiting = sent(browser, photo(3))
    upload_id = waiting["pictures"][0]["thumbnail_url"].split("/")[3]

    browser.post(f"/api/uploads/{upload_id}/details", json={})
    study = settled(browser, upload_id)["studies"][0]

    assert (study["patient_name"], study["patient_id"], study["study_date"]) == ("", "", None)
    assert browser.get(f"/api/studies/{study['study_id']}").json()["identity_complete"] is False


@pytest.mark.parametrize("wrong", [{"birth_date": "1970-02-30"}, {"um_per_pixel": -1}, {"sex": "robot"}])
def test_details_that_cannot_be_are_not_taken(world, sent, wrong):
    """A date that does not exist would stand on the paper."""
    browser = world.sign_in("clinician")
    waiting = sent(browser, photo(4))
    upload_id = waiting["pictures"][0]["thumbnail_url"].split("/")[3]

    answer = browser.post(f"/api/uploads/{upload_id}/details", json={**DETAILS, **wrong})

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "app.invalid"
    assert browser.delete(f"/api/uploads/{upload_id}").status_code == 200


def test_another_patients_picture_never_joins_a_study(world, sent):
    """Dropped on the open study of somebody else, it is refused, recorded, and nothing of it is kept."""
    browser = world.sign_in("clinician")
    study_id = sent(browser, *ct_series(1))["studies"][0]["study_id"]
    other = dicom_bytes(CHEST.astype(np.int16), patient_id="OTHER-2", study="9")
    before = sum(1 for _ in world.services.files.root.rglob("*"))

    found = sent(browser, other, study_id=study_id)

    assert found["state"] == "refused"
    assert found["refused"][0]["code"] == "storage.wrong_patient"
    assert world.entries("upload.refused")[0]["reason"] == "storage.wrong_patient"
    assert browser.get("/api/studies").json()["total"] == 1
    assert sum(1 for _ in world.services.files.root.rglob("*")) == before


def test_a_second_reader_sees_nothing_of_the_first(world, sent):
    """Every address that belongs to one clinician's study is not found by another."""
    browser, other = world.sign_in("clinician"), world.sign_in("clinician")
    study_id = sent(browser, *ct_series(1))["studies"][0]["study_id"]
    series_id = browser.get(f"/api/studies/{study_id}").json()["series"][0]["series_id"]
    frame = browser.get(f"/api/series/{series_id}/manifest").json()["frames"][0]["url"]
    upload_id = upload(browser, photo(9), finish=False)

    addresses = [
        f"/api/studies/{study_id}",
        f"/api/studies/{study_id}/thumbnail",
        f"/api/studies/{study_id}/marks",
        f"/api/studies/{study_id}/answers",
        f"/api/studies/{study_id}/report",
        f"/api/studies/{study_id}/releases",
        f"/api/series/{series_id}/manifest",
        f"/api/series/{series_id}/thumbnail",
        frame,
        f"{frame}/rendered.png",
        f"/api/uploads/{upload_id}",
    ]

    assert other.get("/api/studies").json() == {"studies": [], "total": 0, "cursor": None}
    assert {address: other.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 404)
    assert other.patch(f"/api/studies/{study_id}", json={"urgent": True}).status_code == 404
    assert other.put(f"/api/uploads/{upload_id}/files/0", content=b"x").status_code == 404


def test_two_readers_upload_at_once(world):
    """Uploads at the same moment do not mix, and both are read."""
    browsers = [world.sign_in("clinician") for _ in range(2)]
    results = [None, None]

    def send(place):
        files = ct_series(3, study=str(place + 1), name=f"READER^{place}", patient_id=f"P{place}")
        results[place] = settled(browsers[place], upload(browsers[place], *files))

    threads = [threading.Thread(target=send, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for place, browser in enumerate(browsers):
        lines = browser.get("/api/studies").json()["studies"]
        assert results[place]["state"] == "done"
        assert [(line["patient_name"], line["instances"]) for line in lines] == [(f"READER, {place}", 3)]


def test_a_file_that_is_cut_does_not_count(world):
    """A body shorter than it said is refused and recorded; sent again, the upload goes on."""
    browser = world.sign_in("clinician")
    data = ct_series(1)[0]
    upload_id = browser.post("/api/uploads", json={"files": 1, "bytes": len(data)}).json()["upload_id"]
    address = f"/api/uploads/{upload_id}/files/0"

    cut = browser.put(address, content=data[:100], headers={"content-length": str(len(data))})
    received = browser.get(f"/api/uploads/{upload_id}").json()["received"]
    browser.put(address, content=data)
    browser.post(f"/api/uploads/{upload_id}/finish", json={})

    assert cut.json()["error"]["code"] == "app.upload_cut"
    assert received == {"files": 0, "bytes": 0}
    assert world.entries("upload.refused")[0]["reason"] == "app.upload_cut"
    assert settled(browser, upload_id)["state"] == "done"


def test_more_than_was_announced_is_stopped(world):
    """A small announcement does not open the door for a large file."""
    browser = world.sign_in("clinician")
    upload_id = browser.post("/api/uploads", json={"files": 1, "bytes": 10}).json()["upload_id"]

    honest = browser.put(f"/api/uploads/{upload_id}/files/0", content=bytes(3 << 20))
    streamed = browser.put(f"/api/uploads/{upload_id}/files/0", content=iter([bytes(1 << 20)] * 3))

    assert honest.status_code == streamed.status_code == 413
    assert not list((world.services.settings.scratch / upload_id).iterdir())


@pytest.mark.parametrize("announced", [{"files": 5001, "bytes": 1}, {"files": 1, "bytes": (4 << 30) + 1}])
def test_an_announcement_over_the_limits_is_refused(world, announced):
    """What cannot be taken is said before it is sent."""
    answer = world.sign_in("clinician").post("/api/uploads", json=announced)

    assert answer.status_code == 413


def test_a_finished_upload_takes_no_more(world):
    """A late file would belong to no study."""
    browser = world.sign_in("clinician")
    upload_id = upload(browser, *ct_series(1))
    settled(browser, upload_id)

    assert browser.put(f"/api/uploads/{upload_id}/files/0", content=b"x").status_code == 409
    assert browser.post(f"/api/uploads/{upload_id}/finish", json={}).status_code == 409


def test_an_upload_that_goes_silent_leaves_no_plaintext(own_world):
    """After an hour without a sound the files are removed, and the record says so."""
    from app.web import keep_up

    browser = own_world.sign_in("clinician")
    upload_id = upload(browser, *ct_series(1), finish=False)
    folder = own_world.services.settings.scratch / upload_id
    assert list(folder.iterdir())

    own_world.clock.advance(minutes=61)
    keep_up(own_world.services, own_world.client.app.app.state.intake)

    assert not folder.exists()
    assert own_world.entries("upload.discarded")[0]["object"]["id"] == upload_id


def test_an_upload_cut_by_a_restart_says_so(tmp_path):
    """What was under way when the web process died is marked as interrupted; no plaintext stays behind."""
    with open_world(tmp_path) as first:
        user = first.person("clinician")
        upload_id = upload(first.sign_in("clinician", user), *ct_series(1), finish=False)

    with open_world(tmp_path) as second:
        found = second.sign_in("clinician", user).get(f"/api/uploads/{upload_id}").json()
        entry = second.entries("upload.interrupted")[0]
        left = list(second.services.settings.scratch.rglob("*.dcm")) + list(
            second.services.settings.scratch.glob(upload_id)
        )

    assert found["state"] == "interrupted"
    assert entry["object"]["id"] == upload_id
    assert left == []


def test_each_frame_of_an_enhanced_object_brings_its_own_window_and_place(world, sent):
    """Functional groups reach the viewer: nothing at the top level, two windows and two positions below."""
    groups = []
    for frame in range(2):
        group, voi, plane = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        voi.WindowCenter, voi.WindowWidth = 100 * (frame + 1), 50
        plane.ImagePositionPatient = [0, 0, 3 * frame]
        group.FrameVOILUTSequence, group.PlanePositionSequence = [voi], [plane]
        groups.append(group)
    data = dicom_bytes(
        np.zeros((8, 8), np.int16),
        modality="MR",
        study="81",
        NumberOfFrames=2,
        PixelData=bytes(256),
        PerFrameFunctionalGroupsSequence=groups,
    )

    browser = world.sign_in("clinician")
    study_id = sent(browser, data)["studies"][0]["study_id"]
    series_id = browser.get(f"/api/studies/{study_id}").json()["series"][0]["series_id"]
    manifest = browser.get(f"/api/series/{series_id}/manifest").json()

    assert [frame["window"]["center"] for frame in manifest["frames"]] == [100, 200]
    assert [frame["position_mm"][2] for frame in manifest["frames"]] == [0, 3]
    assert manifest["presets"] == []


def test_an_upload_that_is_cancelled_while_it_is_read_stops(world, monkeypatch):
    """The reader of the files stops before the next one; no study appears and no plaintext stays."""
    browser = world.sign_in("clinician")
    begun, go_on = threading.Event(), threading.Event()
    kind = type(world.services.decoder)
    inspect = kind.inspect

    def slow(decoder, source, *more):
        begun.set()
        assert go_on.wait(20)
        return inspect(decoder, source, *more)

    monkeypatch.setattr(kind, "inspect", slow)
    upload_id = upload(browser, *ct_series(3))
    assert begun.wait(20)

    answer = browser.delete(f"/api/uploads/{upload_id}")
    go_on.set()

    assert answer.status_code == 200
    assert settled(browser, upload_id)["state"] == "refused"
    assert browser.get("/api/studies").json()["total"] == 0
    assert not (world.services.settings.scratch / upload_id).exists()
    assert world.entries("upload.discarded")[0]["object"]["id"] == upload_id


def test_the_worklist_finds_a_name_in_any_script_and_nothing_by_its_labels(world, sent):
    """Letters of the name, in either script and any case, and the number; the header's own words are no name."""
    browser = world.sign_in("clinician")
    sent(browser, dicom_bytes(CHEST.astype(np.int16), name="HONG^Gildong=洪^吉洞=홍^길동", patient_id="DF-1"))

    def found(text):
        return browser.get("/api/studies", params={"search": text}).json()["total"]

    hits = {
        text: found(text) for text in ("gildong", "홍", "洪", "df-1", "phantom", "alphabetic", "{", "kim")
    }

    assert hits == {
        "gildong": 1, "홍": 1, "洪": 1, "df-1": 1, "phantom": 1, "alphabetic": 0, "{": 0, "kim": 0,
    }  # fmt: skip


def test_files_are_read_while_others_arrive(world, monkeypatch):
    """When the last one is here, the others are read; each is read once, and its digest is the one it came with."""
    browser = world.sign_in("clinician")
    decoder, read = world.services.decoder, []
    inspect = decoder.inspect
    monkeypatch.setattr(
        type(decoder), "inspect", lambda self, path, *more: read.append(path.name) or inspect(path, *more)
    )
    upload_id = upload(browser, *ct_series(3, study="61"), finish=False)
    end = time.monotonic() + 30
    while len(read) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    before = list(read)

    browser.post(f"/api/uploads/{upload_id}/finish", json={"study_id": None})
    found = settled(browser, upload_id)

    assert before == ["000000", "000001", "000002"] and read == before
    assert found["read"] == {"done": 3, "total": 3} and len(found["studies"]) == 1


def test_a_file_that_is_sent_again_is_read_again(world):
    """The one that came last counts, though the first was read already."""
    browser = world.sign_in("clinician")
    first, second = ct_series(2, study="62")
    size = len(first) + len(second)
    upload_id = browser.post("/api/uploads", json={"files": 1, "bytes": size}).json()["upload_id"]
    for data in (first, second):
        assert browser.put(f"/api/uploads/{upload_id}/files/0", content=data).status_code == 200

    browser.post(f"/api/uploads/{upload_id}/finish", json={"study_id": None})
    study = browser.get(f"/api/studies/{settled(browser, upload_id)['studies'][0]['study_id']}").json()
    frames = browser.get(f"/api/series/{study['series'][0]['series_id']}/manifest").json()["frames"]

    assert [one["position_mm"] for one in frames] == [[0, 0, 5]]
