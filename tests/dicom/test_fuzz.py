"""Files broken by chance: each is a picture or a named error, and never the end of a process or a hang."""

import random
from collections import Counter
from pathlib import Path

import psutil
import pytest
from pydicom.data import get_testdata_file

from dicom.errors import DicomError
from dicom.sandbox import Decoder

FILES = [
    "CT_small.dcm", "JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_dcmtk.dcm", "JPGExtended.dcm",
    "JPEG-LL.dcm", "emri_small_RLE.dcm", "examples_palette.dcm", "image_dfl.dcm", "MR_small_RLE.dcm",
]  # fmt: skip
SAMPLE, ALL = 25, 1000
SECONDS = 5


def mutated(whole, name, seed):
    """The same file, broken: bits anywhere, bits of the pixels, bytes of the header, a length, the end cut off."""
    chance, data = random.Random(f"{name} {seed}"), bytearray(whole)
    pixels = max(132, whole.find(b"\xe0\x7f\x10\x00"))
    kind = seed % 5
    if kind == 0:
        for _ in range(4):
            data[chance.randrange(132, len(data))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        for _ in range(3):
            data[chance.randrange(pixels, min(len(data), pixels + 400))] ^= 1 << chance.randrange(8)
    elif kind == 2:
        for _ in range(6):
            data[chance.randrange(132, min(len(data), 1600))] = chance.randrange(256)
    elif kind == 3:
        at = chance.randrange(132, max(133, pixels))
        data[at : at + 4] = chance.randbytes(4)
    else:
        del data[chance.randrange(132, len(data)) :]
    return bytes(data)


def outcomes(decoder, name, seeds):
    """What became of each: shown, or the name of its error; asserts that each took its time and no longer."""
    whole = Path(get_testdata_file(name)).read_bytes()
    found = Counter()
    for seed in seeds:
        data, before = mutated(whole, name, seed), seconds_of(decoder)
        try:
            facts = decoder.inspect(data)
            decoder.render(data)
            decoder.told(data)
            found["shown"] += 1
            assert facts["rows"] > 0
        except DicomError as error:
            found[type(error).__name__] += 1
        spent = seconds_of(decoder) - before
        assert spent < SECONDS, (name, seed, spent)
    return found


def seconds_of(decoder):
    """Seconds its one process has worked."""
    used = psutil.Process(decoder.pool.idle[0].child.pid).cpu_times()
    return used.user + used.system


@pytest.fixture(scope="module")
def decoder():
    with Decoder(1) as decoder:
        yield decoder


@pytest.mark.parametrize("name", FILES)
def test_files_broken_by_chance_are_shown_or_refused(decoder, name):
    """A sample of the ten thousand, in the same process from the first to the last."""
    first = decoder.pool.idle[0].child.pid

    found = outcomes(decoder, name, range(SAMPLE))

    assert found.total() == SAMPLE and len(found) > 1
    assert decoder.pool.idle[0].child.pid == first


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_ten_thousand_broken_files_end_no_process(decoder, name):
    """A thousand of each: no abort, no hang, no panic that is not caught."""
    first = decoder.pool.idle[0].child.pid

    found = outcomes(decoder, name, range(ALL))

    print(name, dict(found.most_common()))
    assert found.total() == ALL
    assert decoder.pool.idle[0].child.pid == first


def test_the_mutations_are_ten_thousand():
    """What the record of this project says of them."""
    assert len(FILES) * ALL == 10_000
