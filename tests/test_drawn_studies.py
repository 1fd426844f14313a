"""The demonstration's studies, from DICOM bytes to the model's answer."""

import numpy as np

from app.demo import drawn_files
from dicom.render import View
from dicom.sandbox import Decoder
from model.demo.phantoms import draw_phantom


def test_a_drawn_study_shows_the_picture_that_the_model_was_trained_on():
    """Written as DX, CT and slide objects and read by the product's decoder: within one gray level of the drawing."""
    kinds = [("chest", 7), ("chest", 13), *(("ct", 21 + place) for place in range(8)), ("histology", 5)]

    with Decoder() as decoder:
        shown = [decoder.render(data, View()) for data in drawn_files()]

    for (kind, seed), rgb in zip(kinds, shown, strict=True):
        drawn = draw_phantom(kind, seed).pixels
        assert rgb.shape == drawn.shape
        assert np.abs(rgb.astype(int) - drawn).max() <= 1
