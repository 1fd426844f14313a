"""Planes through a series over the REST API: what they show, who may see them, what is kept of them in memory."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app import viewing
from app.sources import checked_view
from app.volumes import Volumes, Wanted, wanted_of
from app.wiring import SYSTEM
from dicom.errors import Busy, NoVolume
from dicom.grid import grid_of
from dicom.reading import Instance
from dicom.sandbox import Decoder
from dicom.series import Member
from dicom.windowing import Window, apply_window, to_gray
from storage import studies
from tests.samples import ct_series, dicom_bytes, stack_of

BLOCK = np.random.default_rng(9).integers(-1000, 2000, (6, 8, 10)).astype(np.int16)
AXIAL = {"right": "1,0,0", "down": "0,1,0"}
CORONAL = {"right": "1,0,0", "down": "0,0,-1"}
SAGITTAL = {"right": "0,1,0", "down": "0,0,-1"}


@pytest.fixture(scope="module")
def read(world):
    """A clinician's study of a stack, slices 2 mm apart, pixels of 1 mm: browser, series id, study id."""
    from tests.app.conftest import settled, upload

    browser = world.sign_in("clinician")
    found = settled(browser, upload(browser, *stack_of(BLOCK, study="70", RescaleType="HU")))
    study = browser.get(f"/api/studies/{found['studies'][0]['study_id']}").json()
    return browser, study["series"][0]["series_id"], study["study"]["study_id"]


def point(slice_number, row, column):
    """Where a voxel lies, by the stack's own numbers."""
    return f"{-10 + column},{-20 + row},{5 + 2 * slice_number}"


def plane(browser, series, **asked):
    """Values of a plane and what its headers say."""
    answer = browser.get(f"/api/series/{series}/plane", params=asked)
    assert answer.status_code == 200, answer.text
    shape = int(answer.headers["x-rows"]), int(answer.headers["x-columns"])
    return np.frombuffer(answer.content, answer.headers["x-dtype"]).reshape(shape), answer.headers


def test_a_series_says_where_its_voxels_lie_and_how_far_it_is(read, world):
    """Sizes, spacing and directions; opening it stands in the record, asking how far it is does not."""
    browser, series, _ = read
    before = len(world.entries("study.read", limit=5000))

    told = browser.get(f"/api/series/{series}/volume").json()
    while not browser.get(f"/api/series/{series}/volume/progress").json()["ready"]:
        pass
    done = browser.get(f"/api/series/{series}/volume/progress").json()

    assert told["shape"] == [6, 8, 10] and told["spacing_mm"] == [2, 1, 1]
    assert told["axes"] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert told["middle_mm"] == [-5, -16, 11] and told["tilt_degrees"] == 0
    assert done == {"done": 6, "of": 6, "ready": True}
    entries = world.entries("study.read", limit=5000)
    assert len(entries) == before + 1
    assert (entries[0]["object"]["type"], entries[0]["object"]["id"]) == ("volume", series)
    assert browser.get(f"/api/series/{series}/manifest").json()["no_volume"] is None


@pytest.mark.parametrize(
    ("directions", "expected"),
    [(AXIAL, BLOCK[3]), (CORONAL, BLOCK[::-1, 5]), (SAGITTAL, BLOCK[::-1, :, 2])],
    ids=["axial", "coronal", "sagittal"],
)
def test_a_plane_is_what_numpy_finds_in_the_files(read, directions, expected):
    """Voxels of the files as they were sent in, feet up or down as a reader expects; between slices their mixture."""
    browser, series, _ = read

    values, headers = plane(browser, series, at=point(3, 5, 2), **directions)

    assert (values[:: 1 if directions is AXIAL else 2] == expected).all()
    assert float(headers["x-value"]) == BLOCK[3, 5, 2]
    assert headers["x-pixel-mm"] == "1.0" and headers["x-unit"] == "HU"


@pytest.mark.parametrize(("how", "by_numpy"), [("max", np.max), ("min", np.min), ("mean", np.mean)])
def test_a_slab_is_what_numpy_projects(read, how, by_numpy):
    """4 mm across the columns: five voxels of 1 mm."""
    browser, series, _ = read

    values, headers = plane(browser, series, at=point(3, 5, 4), slab_mm=4, how=how, **SAGITTAL)

    assert headers["x-planes"] == "5"
    assert np.abs(values[::2] - by_numpy(BLOCK[::-1, :, 2:7].astype(float), 2)).max() <= 0.5


def test_a_picture_of_a_plane_is_windowed_as_every_picture(read):
    """Through 40/400 as the files say, and through what the reader chose, inverted."""
    browser, series, _ = read
    address = f"/api/series/{series}/plane.png"

    own = browser.get(address, params={"at": point(3, 0, 0), **AXIAL})
    chosen = browser.get(
        address, params={"at": point(3, 0, 0), **AXIAL, "center": 500, "width": 1000, "invert": True}
    )

    for answer, window, invert in [(own, Window(40, 400), False), (chosen, Window(500, 1000), True)]:
        assert answer.headers["content-type"] == "image/png"
        gray = to_gray(apply_window(BLOCK[3], window), invert=invert)
        assert (np.asarray(Image.open(BytesIO(answer.content))) == gray).all()


def test_a_question_about_a_plane_goes_to_the_model_as_that_plane(read, world):
    """The pixels the model gets are those of the reader's picture; a box is cut from the plane."""
    browser, series, study_id = read
    manifest = browser.get(f"/api/series/{series}/manifest").json()
    asked = {
        "instance_id": manifest["frames"][0]["instance_id"],
        "frame": 0,
        "center": 300.0,
        "width": 900.0,
        "plane": {"at": [-8, -15, 11], "right": [1, 0, 0], "down": [0, 0, -1], "slab_mm": 3, "how": "max"},
    }
    shown = browser.get(
        f"/api/series/{series}/plane.png",
        params={"at": "-8,-15,11", **CORONAL, "slab_mm": 3, "how": "max", "center": 300, "width": 900},
    )
    answer = browser.post(f"/api/studies/{study_id}/captions", json={"view": asked})
    assert answer.status_code == 202, answer.text
    kept = browser.get(f"/api/answers/{answer.json()['answer_id']}").json()["view"]

    with world.services.database.read(SYSTEM) as tx:
        study = studies.get(tx, study_id, None)
        (whole,) = viewing.pictures(world.services, tx, study, kept)
        (part,) = viewing.pictures(world.services, tx, study, {**kept, "box": [1, 2, 4, 3]})

    assert kept["plane"]["how"] == "max" and kept["plane"]["slab_mm"] == 3
    assert (np.asarray(Image.open(BytesIO(shown.content))) == whole[..., 0]).all()
    assert (part == whole[2:5, 1:5]).all()


def test_a_view_without_a_plane_is_kept_as_before(read, world):
    """No empty key in what is kept, digested and printed."""
    browser, series, study_id = read
    frame = browser.get(f"/api/series/{series}/manifest").json()["frames"][0]
    with world.services.database.read(SYSTEM) as tx:
        study = studies.get(tx, study_id, None)
        kept = checked_view(tx, study, {"instance_id": frame["instance_id"], "frame": 0, "plane": None})

    assert "plane" not in kept


ODD = {
    "directions that are not straight": {"at": "0,0,0", "right": "1,0,0", "down": "0.5,0.5,0"},
    "no numbers": {"at": "0,0,here", "right": "1,0,0", "down": "0,1,0"},
    "two numbers": {"at": "0,0", "right": "1,0,0", "down": "0,1,0"},
    "not a number": {"at": "nan,0,0", "right": "1,0,0", "down": "0,1,0"},
    "far away": {"at": "1e300,0,0", "right": "1,0,0", "down": "0,1,0"},
    "an endless slab": {"at": "0,0,0", **AXIAL, "slab_mm": "inf"},
    "a projection nobody knows": {"at": "0,0,0", **AXIAL, "how": "median"},
}


@pytest.mark.parametrize("name", ODD)
def test_a_plane_that_is_none_is_refused(read, name):
    """An address may hold anything."""
    browser, series, _ = read

    answer = browser.get(f"/api/series/{series}/plane", params=ODD[name])

    assert answer.status_code == 422
    assert answer.json()["error"]["sentence"]


def test_nobody_else_sees_a_plane(read, world):
    """Another clinician, and every other role."""
    _, series, _ = read
    addresses = [
        f"/api/series/{series}/{end}"
        for end in (
            "volume",
            "volume/progress",
            "plane?at=0,0,0&right=1,0,0&down=0,1,0",
            "plane.png?at=0,0,0&right=1,0,0&down=0,1,0",
        )
    ]

    for role, status in {"clinician": 404, "researcher": 403, "admin": 403, "auditor": 403}.items():
        other = world.sign_in(role)
        assert {other.get(address).status_code for address in addresses} == {status}
    assert {world.browser().get(address).status_code for address in addresses} == {401}


def test_a_series_that_is_no_volume_says_why(world, sent):
    """In the language of the reader, with the manifest and when asked for a plane all the same."""
    browser = world.sign_in("clinician")
    files = [data for n, data in enumerate(stack_of(BLOCK, study="71")) if n != 2]
    study = browser.get(f"/api/studies/{sent(browser, *files)['studies'][0]['study_id']}").json()
    series = study["series"][0]["series_id"]

    refused = browser.get(f"/api/series/{series}/volume").json()["error"]

    assert refused["code"] == "dicom.no_volume.gap"
    assert browser.get(f"/api/series/{series}/manifest").json()["no_volume"] == refused["sentence"]
    assert "slice is missing" in refused["sentence"]


def files_of(block, study):
    """A volume as it is wanted, from bytes in memory; counts how often they were read."""
    data = dict(enumerate(stack_of(block, study=study)))
    members = [Member(str(n), Instance(one).inspect().as_json()) for n, one in data.items()]
    reads = []

    def source(handle):
        reads.append(handle)
        return data[int(handle)]

    return Wanted((study,), grid_of(members), source), reads


@pytest.fixture(scope="module")
def decoder():
    with Decoder(2) as opened:
        yield opened


def test_a_volume_is_put_together_once(decoder):
    """Two who ask at the same time wait for the same one."""
    wanted, reads = files_of(BLOCK, "80")
    volumes = Volumes(decoder, 2, 1 << 20)

    first, second = volumes.loading(wanted), volumes.loading(wanted)

    assert first is second
    assert (first.whole.result().values == BLOCK).all()
    assert volumes.get(wanted) is first.whole.result()
    assert sorted(reads) == [str(n) for n in range(6)]
    volumes.close()


def test_volumes_share_a_bounded_memory(decoder):
    """960 bytes each, room for two: the one looked at longest ago is given back."""
    volumes = Volumes(decoder, 2, 2 * BLOCK.nbytes)
    wanted = [files_of(BLOCK, str(90 + n)) for n in range(3)]
    for one, _ in wanted[:2]:
        volumes.get(one)
    volumes.get(wanted[0][0])

    volumes.get(wanted[2][0])
    volumes.get(wanted[0][0])

    assert volumes.bytes == 2 * BLOCK.nbytes
    assert [len(reads) for _, reads in wanted] == [6, 6, 6]
    volumes.get(wanted[1][0])
    assert len(wanted[1][1]) == 12
    volumes.close()


def test_a_volume_is_forgotten_when_nobody_looks_at_it(decoder):
    """After ten minutes by the clock."""
    now = [0.0]
    volumes = Volumes(decoder, 1, 1 << 20, lambda: now[0])
    wanted, _ = files_of(BLOCK, "95")
    volumes.get(wanted)

    now[0] = 599
    volumes.sweep()
    assert volumes.bytes > 0
    now[0] = 601
    volumes.sweep()

    assert volumes.bytes == 0
    volumes.close()


def test_no_volume_waits_for_memory_that_others_are_filling(decoder):
    """Two that are under way cannot be given back; who comes third is told."""
    held = [files_of(BLOCK, str(96 + n))[0] for n in range(2)]
    volumes = Volumes(decoder, 1, BLOCK.nbytes)
    volumes._threads.shutdown()
    volumes._threads = Never()
    volumes.loading(held[0])

    with pytest.raises(Busy):
        volumes.loading(held[1])
    with pytest.raises(NoVolume):
        Volumes(decoder, 1, BLOCK.nbytes - 1).loading(held[0])


class Never:
    """Threads that begin nothing."""

    def submit(self, *_):
        """Nothing."""


def test_a_slice_that_cannot_be_read_ends_the_volume_and_can_be_tried_again(decoder):
    """Who waits is told what went wrong; the next time the file may be there."""
    good, _ = files_of(BLOCK, "99")
    bad = replace(good, source=lambda handle: b"nothing" if handle == "3" else good.source(handle))
    volumes = Volumes(decoder, 2, 1 << 20)
    with pytest.raises(Exception, match=r"neither DICOM nor|not DICOM"):
        volumes.get(bad)

    assert (volumes.get(good).values == BLOCK).all()
    volumes.close()


def test_films_are_held_and_slices_are_read(world):
    """A film of hundreds of frames goes to its process once; what a volume wants once is not kept there."""
    from storage.studies import Instance as Stored
    from storage.studies import Series

    facts = Instance(ct_series(3)[0]).inspect().as_json()
    one = Stored(
        id="a",
        series_id="s",
        study_id="t",
        patient_id="p",
        position=0,
        file_sha256="00",
        frames=1,
        facts=facts,
    )
    places = [[0, 0, float(n)] for n in range(4)]
    film = replace(
        one, id="b", frames=4, facts={**facts, "frames": 4, "frame_positions_mm": places, "frame_stacks": []}
    )
    series = Series(id="s", modality="CT", position=0, facts={}, findings=[], instances=(film,))

    wanted = wanted_of(world.services.files, b"k" * 32, series)

    assert wanted.source("b").sha256 == "00"
    assert wanted.grid.shape == (4, 8, 8)


def test_a_single_picture_offers_no_planes(world, sent):
    """And says so before anybody asks."""
    browser = world.sign_in("clinician")
    data = dicom_bytes(np.zeros((8, 8), np.int16), study="72")
    study = browser.get(f"/api/studies/{sent(browser, data)['studies'][0]['study_id']}").json()

    told = browser.get(f"/api/series/{study['series'][0]['series_id']}/manifest").json()["no_volume"]

    assert "three slices" in told
