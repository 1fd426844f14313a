"""Records are read as they are spelled in the wild, and refused with the line and the reason, never a name."""

import json

import numpy as np
import pytest
from PIL import Image

from model.errors import RecordsUnusable
from model.training.records import Pair, by_picture, open_pictures, read_records, sources

ASKED = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A heart."}]


@pytest.fixture
def data(tmp_path):
    """A data folder with two pictures and a writer of records."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((4, 6, 3), 90, np.uint8)).save(folder / name)

    def write(*records):
        file = folder / "records.jsonl"
        file.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records))
        return file

    write.folder = folder
    return write


def test_both_spellings_and_several_pictures_and_questions_are_read(data):
    """The placeholder goes, as the picture always stands first; empty lines are counted and skipped."""
    file = data(
        {"image": "a.png", "conversations": ASKED, "source": "x"},
        "",
        {
            "image_url": ["a.png", "b.png"],
            "conversations": [
                {"role": "user", "content": "Changed?"},
                {"role": "assistant", "content": "no"},
                {"role": "user", "content": "Sure?"},
                {"role": "assistant", "content": "yes"},
            ],
        },
    )

    first, second = read_records(file)

    assert first.pairs == (Pair("What?", "A heart."),)
    assert (first.source, first.line) == ("x", 1)
    assert second.pairs == (Pair("Changed?", "no"), Pair("Sure?", "yes"))
    assert [path.name for path in second.pictures] == ["a.png", "b.png"]
    assert (second.source, second.line) == ("", 3)


def test_lines_about_one_picture_become_one_record(data):
    """So that it is read once; the same pair twice would weigh twice, and another source stays apart."""
    other = [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": "left"}]
    records = read_records(
        data(
            {"image": "a.png", "conversations": ASKED, "source": "x"},
            {"image": "b.png", "conversations": ASKED, "source": "x"},
            {"image": "a.png", "conversations": other + ASKED, "source": "x"},
            {"image": "a.png", "conversations": other, "source": "y"},
        )
    )

    joined = by_picture(records)

    assert [(one.pictures[0].name, one.line, len(one.pairs)) for one in joined] == [
        ("a.png", 1, 2),
        ("b.png", 2, 1),
        ("a.png", 4, 1),
    ]
    assert sources(joined) == {"x": 3, "y": 1}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("{", "not JSON"),
        ([1], "JSON object"),
        ({"conversations": ASKED}, "has a picture"),
        ({"image": [], "conversations": ASKED}, "has a picture"),
        ({"image": "../outside.png", "conversations": ASKED}, "outside the data folder"),
        ({"image": "/etc/hostname", "conversations": ASKED}, "outside the data folder"),
        ({"image": "link.png", "conversations": ASKED}, "outside the data folder"),
        ({"image": "a\0.png", "conversations": ASKED}, "path cannot be used"),
        ({"image": "missing.png", "conversations": ASKED}, "no such picture"),
        ({"image": "a.png", "conversations": ASKED[:1]}, "each with its answer"),
        ({"image": "a.png"}, "each with its answer"),
        ({"image": "a.png", "conversations": ASKED[::-1]}, "alternate"),
        ({"image": "a.png", "conversations": [{"from": "human"}, ASKED[1]]}, "A turn has"),
        ({"image": "a.png", "conversations": [ASKED[0], {"from": "gpt", "value": " "}]}, "empty"),
        ({"image": "a.png", "conversations": ASKED, "source": 3}, '"source" is a text'),
    ],
)
def test_a_record_that_cannot_be_used_names_its_line_and_nothing_of_itself(data, record, reason):
    """Names of files and words of conversations can be a patient's."""
    (data.folder.parent / "outside.png").write_bytes((data.folder / "a.png").read_bytes())
    (data.folder / "link.png").symlink_to(data.folder.parent / "outside.png")
    file = data({"image": "a.png", "conversations": ASKED}, record)

    with pytest.raises(RecordsUnusable, match=reason) as caught:
        read_records(file)

    assert "Line 2:" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("png", "heart", "outside.", "hostname"))


def test_a_file_without_records_is_refused(data):
    """Training on nothing would end well and mean nothing."""
    with pytest.raises(RecordsUnusable, match="no record"):
        read_records(data(""))
    with pytest.raises(RecordsUnusable, match="cannot be read"):
        read_records(data.folder / "absent.jsonl")


def test_pictures_are_opened_upright_and_only_at_8_bits(data):
    """A camera's turn is applied; deeper pixels would turn white without a word."""
    turned = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6  # a quarter turn
    turned.save(data.folder / "turned.jpg", exif=exif)
    Image.fromarray(np.full((4, 6), 3000, np.uint16)).save(data.folder / "deep.png")
    (data.folder / "broken.png").write_bytes(b"no picture")
    records = read_records(
        data(*({"image": n, "conversations": ASKED} for n in ("turned.jpg", "deep.png", "broken.png")))
    )

    assert [(one.size, one.mode) for one in open_pictures(records[0])] == [((4, 6), "RGB")]
    with pytest.raises(RecordsUnusable, match=r"Line 2: .*8 bits"):
        open_pictures(records[1])
    with pytest.raises(RecordsUnusable, match=r"Line 3: .*cannot be read"):
        open_pictures(records[2])
