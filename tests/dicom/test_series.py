"""Slices stand in scan order; what is odd is named."""

import random
from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom.chores import open_source
from dicom.guard import Limits
from dicom.series import Member, SeriesFinding, group
from tests.dicom.test_dimensions import PLACE, TIME, enhanced
from tests.samples import ct_series, dicom_bytes


def members(files):
    return [Member(str(n), open_source(data, Limits()).inspect().as_json()) for n, data in enumerate(files)]


def test_slices_are_ordered_by_position_whatever_their_numbers():
    """A second reconstruction pass numbers from 1 again; position does not."""
    files = ct_series(6)
    random.Random(3).shuffle(files)

    (study,) = group(members(files))

    (series,) = study.series
    assert [member.facts["position_mm"][2] for member in series.members] == [2.5, 5.0, 7.5, 10.0, 12.5, 15.0]
    assert series.findings == ()


def test_a_missing_slice_is_named():
    """The reader knows that something lies between."""
    files = ct_series(6)
    del files[3]

    (study,) = group(members(files))

    (finding,) = study.series[0].findings
    assert finding.code == "series.gap" and finding.facts == {
        "count": 1,
        "largest_mm": 5.0,
        "usual_mm": 2.5,
    }


def test_two_orientations_are_two_stacks():
    """A localizer across never interrupts the slices."""
    other = dicom_bytes(
        np.zeros((8, 8), np.int16),
        number=9,
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
        ImagePositionPatient=[0, 0, 0],
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )

    (study,) = group(members([*ct_series(3), other]))

    assert sorted(len(one.members) for one in study.series) == [1, 3]
    assert {finding.code for one in study.series for finding in one.findings} == {
        "series.split",
        "series.localizer",
    }


def test_two_echoes_of_one_place_are_two_stacks():
    """The same places were taken twice, and the header says what differs."""
    files = [*ct_series(3, EchoNumbers="1"), *ct_series(3, EchoNumbers="2", first=11)]

    (study,) = group(members(files))

    assert [len(one.members) for one in study.series] == [3, 3]
    assert {m.facts["stack"][1] for m in study.series[0].members} == {"1"}
    assert len({one.key for one in study.series}) == 2


@pytest.mark.parametrize(
    ("element", "values", "code"),
    [
        ("EchoNumbers", ("1", "2"), "series.dimension.echo"),
        ("TemporalPositionIdentifier", ("1", "2"), "series.dimension.time"),
        ("DiffusionBValue", (0.0, 1000.0), "series.dimension.diffusion"),
        ("TriggerTime", ("0", "400"), "series.dimension.heart"),
    ],
)
def test_what_tells_stacks_of_one_place_apart_is_named(element, values, code):
    """Each becomes a series of its own, and both say by what."""
    files = [
        file for n, value in enumerate(values) for file in ct_series(3, first=1 + 10 * n, **{element: value})
    ]

    (study,) = group(members(files))

    for one in study.series:
        assert len(one.members) == 3
        assert SeriesFinding(code, {"count": 2}) in one.findings


def test_two_times_of_two_echoes_are_four_stacks():
    """No header value alone tells them apart; two together do."""
    files = [
        file
        for n, (echo, time) in enumerate([("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")])
        for file in ct_series(3, first=1 + 10 * n, EchoNumbers=echo, TemporalPositionIdentifier=time)
    ]

    (study,) = group(members(files))

    assert [len(one.members) for one in study.series] == [3, 3, 3, 3]


def test_one_object_names_its_dimension_and_its_gaps():
    """The second place of three is missing at both times of an enhanced object."""
    files = [enhanced([0, 5, 10, 20] * 2, [(z, t) for t in (1, 2) for z in (1, 2, 3, 4)], (PLACE, TIME))]

    (study,) = group(members(files))

    findings = study.series[0].findings
    assert SeriesFinding("series.dimension.time", {"count": 2}) in findings
    assert SeriesFinding("series.gap", {"count": 1, "largest_mm": 10.0, "usual_mm": 5.0}) in findings


def test_an_acquisition_for_every_slice_divides_nothing():
    """Some scanners count on; the places are all different, so it is one stack."""
    files = [
        dicom_bytes(
            np.zeros((8, 8), np.int16),
            number=n,
            AcquisitionNumber=str(n),
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 5 * n],
        )
        for n in range(1, 5)
    ]

    (study,) = group(members(files))

    assert [len(one.members) for one in study.series] == [4]


def test_same_places_without_a_reason_are_named():
    """Twice the same slices and nothing that tells them apart: nothing is hidden."""
    files = [*ct_series(3), *ct_series(3, first=11)]

    (study,) = group(members(files))

    (finding,) = study.series[0].findings
    assert finding.code == "series.same_position" and finding.facts == {"count": 3}


def test_the_same_object_twice_is_shown_once():
    """Sent by two stations, or copied; the reader is told."""
    files = ct_series(3)

    (study,) = group(members([*files, files[1]]))

    (series,) = study.series
    assert len(series.members) == 3
    assert series.findings == (SeriesFinding("series.duplicate", {"count": 1}),)


def test_a_tilted_gantry_is_named():
    """Slices that move aside by as much as they go forward: 45 degrees, by hand."""
    files = [
        dicom_bytes(
            np.zeros((8, 8), np.int16),
            number=n,
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 5 * n, 5 * n],
        )
        for n in range(1, 4)
    ]

    (study,) = group(members(files))

    assert study.series[0].findings == (SeriesFinding("series.tilt", {"degrees": 45.0}),)


def test_directions_on_the_edge_of_rounding_stay_together():
    """0.0005 rounds to 0.0 or 0.001; half a thousandth of noise is no second stack."""
    files = [
        dicom_bytes(
            np.zeros((8, 8), np.int16),
            number=n,
            ImageOrientationPatient=[1, 0.00049 + 0.00002 * (n % 2), 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 5 * n],
        )
        for n in range(1, 5)
    ]

    (study,) = group(members(files))

    assert [len(one.members) for one in study.series] == [4]


def test_stacks_keep_their_keys_when_more_of_them_arrives():
    """What was read yesterday is found again under the same key."""
    across = dicom_bytes(np.zeros((8, 8), np.int16), number=9, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    (before,) = group(members([*ct_series(3), across]))

    (after,) = group(members([across, *reversed(ct_series(6))]))

    assert {one.key for one in before.series} == {one.key for one in after.series}


# Facts measured once with other tools on pydicom's own media: series number, pictures, findings.
MEDIA = {
    ("CT", "2"): ([4], {"series.two_stacks"}),
    ("CT", "4"): ([2], {"series.localizer", "series.mixed_orientation"}),
    ("CT", "5"): ([5], set()),
    ("MR", "700"): ([7], {"series.mixed_orientation"}),
}


def test_real_media_fall_into_the_known_series():
    """31 pictures of six studies; two stacks 202.5 mm apart are named, three-way pilots are one row."""
    root = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
    parts = [root / name for name in ("77654033", "98892001", "98892003")]
    files = [f for part in parts for f in sorted(part.rglob("*")) if f.is_file()]

    studies = group(members(f.read_bytes() for f in files))

    series = [one for study in studies for one in study.series]
    assert len(files) == 31 and len(studies) == 6
    for (modality, number), (counts, codes) in MEDIA.items():
        found = [
            one
            for one in series
            if one.modality == modality and one.members[0].facts["series"]["SeriesNumber"] == number
        ]
        assert [len(one.members) for one in found] == counts
        assert {finding.code for one in found for finding in one.findings} == codes
    pilots = [one for one in series if "PILOT" in one.members[0].facts["series"]["SeriesDescription"]]
    assert [len(one.members) for one in pilots] == [3, 3]
