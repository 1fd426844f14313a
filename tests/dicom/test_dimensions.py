"""Frames that lie at the same places belong to different stacks, and the reader is told what tells them apart."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom.reading import Instance
from tests.corpus import file_named
from tests.samples import dicom_bytes


def enhanced(places, indices=None, pointers=()):
    """An object of one frame for each place (z in mm), with dimension indices."""
    groups = []
    for number, place in enumerate(places):
        frame, plane, content = Dataset(), Dataset(), Dataset()
        plane.ImagePositionPatient = [0, 0, place]
        frame.PlanePositionSequence = [plane]
        if indices:
            content.DimensionIndexValues = list(indices[number])
            frame.FrameContentSequence = [content]
        groups.append(frame)
    dimensions = []
    for pointer in pointers:
        item = Dataset()
        item.DimensionIndexPointer = pointer
        dimensions.append(item)
    return dicom_bytes(
        np.zeros((1, 2), np.int16), modality="MR", NumberOfFrames=len(places),
        PixelData=np.zeros((len(places), 1, 2), np.int16).tobytes(), ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PerFrameFunctionalGroupsSequence=groups, DimensionIndexSequence=dimensions,
    )  # fmt: skip


PLACE, TIME, DIFFUSION = 0x00200032, 0x00209128, 0x00189087


def test_times_and_diffusion_are_dimensions_and_places_are_none():
    """Two places, each at two times with two b-values: four stacks."""
    indices = [(place, time, b) for time in (1, 2) for b in (1, 2) for place in (1, 2)]

    facts = Instance(enhanced([0, 5] * 4, indices, (PLACE, TIME, DIFFUSION))).inspect()

    assert facts.frame_stacks == (0, 0, 1, 1, 2, 2, 3, 3)
    assert facts.dimensions == {"time": 2, "diffusion": 2}


def test_one_run_over_the_places_is_one_stack():
    """Whatever their number, places do not divide."""
    facts = Instance(enhanced([0, 5, 10], [(1,), (2,), (3,)], (PLACE,))).inspect()

    assert facts.frame_stacks == () and facts.dimensions == {}


def test_a_place_that_returns_without_a_reason_begins_a_stack():
    """No dimension in the header; the second picture of a place is not mixed with the first."""
    facts = Instance(enhanced([0, 5, 0, 5])).inspect()

    assert facts.frame_stacks == (0, 0, 1, 1) and facts.dimensions == {"unnamed": 2}


@pytest.mark.filterwarnings("ignore")
def test_real_objects_fall_into_their_stacks():
    """112 frames are 56 places at two times; 176 frames of another one are one stack."""
    times = Instance(file_named("4d_multiframe_test.dcm")).inspect()
    one = Instance(file_named("philips_mprage.dcm")).inspect()

    assert times.dimensions == {"time": 2} and [times.frame_stacks.count(n) for n in (0, 1)] == [56, 56]
    assert one.dimensions == {} and one.frames == 176
