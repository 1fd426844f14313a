"""Each part of an ultrasound picture has the scale that the header gives it."""

import numpy as np
from pydicom.dataset import Dataset

from dicom.reading import Instance
from tests.corpus import file_named
from tests.samples import dicom_bytes


def test_an_image_in_centimetres_and_a_trace_in_seconds():
    """A real file: 0.0262 cm per pixel above, an ECG below in which nothing is a length."""
    image, trace = Instance(file_named("OBXXXX1A.dcm")).inspect().regions

    assert image["kind"] == "tissue" and image["unit"] == ["cm", "cm"]
    assert [round(each, 4) for each in image["spacing_mm"]] == [0.2623, 0.2623]
    assert (image["left"], image["right"]) == (120, 800)
    assert trace["kind"] == "ecg" and trace["unit"][0] == "s" and trace["spacing_mm"] is None


def test_two_pictures_side_by_side_have_two_scales():
    """A split screen, and a bar of gray that has none."""
    left, right, bar = Instance(file_named("gdcm-US-ALOKA-16.dcm")).inspect().regions

    assert (left["right"], right["left"]) == (335, 336)
    assert (
        left["spacing_mm"] and right["spacing_mm"] and bar["spacing_mm"] is None and bar["kind"] == "gray_bar"
    )


def test_regions_that_cannot_be_are_left_out():
    """Right of its own right side, or nowhere; an axis that runs backwards has a length all the same."""
    regions = []
    for left, right, step in ((0, 7, -0.1), (5, 2, 0.1), (None, 7, 0.1)):
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType = 1, 1
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX, region.PhysicalDeltaY = 0.2, step
        if left is not None:
            region.RegionLocationMinX0 = left
        region.RegionLocationMinY0, region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 0, right, 7
        regions.append(region)
    data = dicom_bytes(np.zeros((8, 8), np.int16), modality="US", SequenceOfUltrasoundRegions=regions)

    (found,) = Instance(data).inspect().regions

    assert found["spacing_mm"] == [1.0, 2.0]
