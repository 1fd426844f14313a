"""Benchmarks are read as they lie on disk, with the quirks they were published with."""

import gzip
import json

import numpy as np
import pytest
from PIL import Image

from model.errors import EvaluationUnusable
from model.evaluation.examples import read_picture
from model.evaluation.loaders import captions, general, medical_vqa
from model.evaluation.loaders.files import read_objects


def put(path, value):
    """Write JSON, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def test_the_research_cut_of_vqa_rad(tmp_path):
    """A number is an answer, and "CLOSED " with its blank is closed."""
    put(
        tmp_path / "testset.json",
        [
            {
                "qid": 7,
                "image_name": "synpic1.jpg",
                "question": "How  many?",
                "answer": 2,
                "answer_type": "OPEN",
            },
            {
                "qid": 8,
                "image_name": "synpic1.jpg",
                "question": "Clear?",
                "answer": "Yes",
                "answer_type": "CLOSED ",
            },
        ],
    )

    first, second = medical_vqa.vqa_rad(tmp_path, "test")

    assert (first.id, first.answers, first.question, first.kind) == ("7", ("2",), "How many?", "open")
    assert (second.kind, second.pictures) == ("closed", (tmp_path / "synpic1.jpg",))


def test_the_original_vqa_rad(tmp_path):
    """One file; phrase types that begin with test make the test set, tabs inside strings go."""
    row = {"image_name": "a.jpg", "question": "x\t?", "answer": "no\t", "answer_type": "CLOSED"}
    put(
        tmp_path / "VQA_RAD Dataset Public.json",
        [{**row, "qid": "1", "phrase_type": "freeform"}, {**row, "qid": "2", "phrase_type": "test_para"}],
    )

    assert [one.id for one in medical_vqa.vqa_rad(tmp_path, "train")] == ["1"]
    assert [(one.id, one.answers) for one in medical_vqa.vqa_rad(tmp_path, "test")] == [("2", ("no",))]


def test_slake_gives_its_english_questions(tmp_path):
    """Chinese ones are left out; the second split has two names."""
    row = {"img_name": "xmlab1/source.jpg", "question": "Where?", "answer": "Left", "answer_type": "CLOSED"}
    put(tmp_path / "validation.json", [{**row, "qid": 1, "q_lang": "en"}, {**row, "qid": 2, "q_lang": "zh"}])

    found = medical_vqa.slake(tmp_path, "validate")

    assert [one.pictures for one in found] == [(tmp_path / "imgs" / "xmlab1" / "source.jpg",)]


def test_path_vqa_from_json_and_never_from_a_pickle(tmp_path):
    """The sentence says why, and what to do."""
    (tmp_path / "qas").mkdir()
    (tmp_path / "qas" / "test_vqa.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/harm'\ntR.")
    with pytest.raises(EvaluationUnusable, match=r"test_vqa.pkl.*Convert it.*test.json"):
        medical_vqa.path_vqa(tmp_path, "test")

    put(tmp_path / "test.json", [{"image": "test_0001", "question": "Is it?", "answer": "Yes"}])
    (one,) = medical_vqa.path_vqa(tmp_path, "test")

    assert (one.kind, one.pictures[0].name) == ("closed", "test_0001.jpg")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../b.jpg", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    """Data from elsewhere do not choose what is opened."""
    row = {"qid": 1, "image_name": name, "question": "x", "answer": "no", "answer_type": "OPEN"}
    put(tmp_path / "testset.json", [row])

    with pytest.raises(EvaluationUnusable, match="outside"):
        medical_vqa.vqa_rad(tmp_path, "test")


def test_the_original_iu_xray(tmp_path):
    """Reports without findings or pictures are left out; an empty section is no section."""

    def xml(sections, pictures=""):
        return f'<eCitation><uId id="CXR7"/><Abstract>{sections}</Abstract>{pictures}</eCitation>'

    findings = (
        '<AbstractText Label="FINDINGS">Heart  normal. XXXX.</AbstractText><AbstractText Label="INDICATION"/>'
    )
    put(tmp_path / "ecgen-radiology" / "7.xml", xml(findings, '<parentImage id="CXR7_IM-1"/>'))
    put(
        tmp_path / "ecgen-radiology" / "10.xml",
        xml('<AbstractText Label="FINDINGS"/>', '<parentImage id="x"/>'),
    )
    put(tmp_path / "ecgen-radiology" / "11.xml", xml(findings))

    (one,) = captions.iu_xray(tmp_path, "all")

    assert (one.id, one.answers, one.indication) == ("CXR7", ("Heart normal. XXXX.",), "")
    assert one.pictures == (tmp_path / "images" / "CXR7_IM-1.png",)


def test_xml_that_declares_entities_is_refused(tmp_path):
    """A file of ten lines could otherwise unfold to gigabytes, or read another file."""
    put(tmp_path / "ecgen-radiology" / "1.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')

    with pytest.raises(EvaluationUnusable, match="entities"):
        captions.iu_xray(tmp_path, "all")


def test_r2gen_and_biocaption(tmp_path):
    """Two views are two pictures of one example, in both layouts."""
    put(
        tmp_path / "a" / "annotation.json",
        {"test": [{"id": "C1", "report": "ok .", "image_path": ["C1/0.png", "C1/1.png"]}]},
    )
    put(tmp_path / "b" / "test_images.tsv", "x.png,y.png\t the heart\n\nz.png\t\t\tlungs\n")

    assert len(captions.iu_xray(tmp_path / "a", "test")[0].pictures) == 2
    assert [(len(one.pictures), one.answers[0]) for one in captions.tabbed(tmp_path / "b", "test")] == [
        (2, "the heart"),
        (1, "lungs"),
    ]


def test_roco_of_both_versions(tmp_path):
    """Captions with leading blanks in the first, a table in the second."""
    put(tmp_path / "data" / "test" / "radiology" / "captions.txt", "ROCO_00001\t Axial CT.\n")
    put(tmp_path / "test_captions.csv", '\ufeffID,Caption\nROCOv2_1,"A, quoted ""x""."\n')

    (first,) = captions.roco_v1(tmp_path, "test")
    (second,) = captions.roco_v2(tmp_path, "test")

    assert (first.answers, first.pictures[0].name) == (("Axial CT.",), "ROCO_00001.jpg")
    assert second.answers == ('A, quoted "x".',)


def test_mimic_cxr_with_its_reports(tmp_path):
    """Frontal first; a study without findings is dropped; the split table may be gzipped."""
    table = "dicom_id,study_id,subject_id,split\na,50,10000032,test\nb,50,10000032,test\nc,51,10000032,test\n"
    (tmp_path / "mimic-cxr-2.0.0-split.csv.gz").write_bytes(gzip.compress(table.encode()))
    put(tmp_path / "mimic-cxr-2.0.0-metadata.csv", "dicom_id,ViewPosition\na,LATERAL\nb,PA\n")
    under = tmp_path / "files" / "p10" / "p10000032"
    put(
        under / "s50.txt",
        " FINAL REPORT\n INDICATION:  ___F with cough\n\n FINDINGS: \n \n Lungs are\n clear.\n\n IMPRESSION: ok\n",
    )
    put(under / "s51.txt", " IMPRESSION: No change.\n")

    (one,) = captions.mimic_cxr(tmp_path, "test")

    assert (one.answers, one.indication) == (("Lungs are clear.",), "___F with cough")
    assert [path.name for path in one.pictures] == ["b.jpg", "a.jpg"]


def test_general_benchmarks(tmp_path):
    """Each in the layout it was published in."""
    put(
        tmp_path / "coco_pope_random.json",
        '{"question_id": 1, "image": "C.jpg", "text": "Is it?", "label": "no"}\n',
    )
    put(
        tmp_path / "problems.json",
        {
            "3": {"question": "Q", "choices": ["x", "y"], "answer": 1, "hint": "H", "image": "image.png"},
            "4": {"question": "Q", "choices": ["x"], "answer": 0, "hint": "", "image": None},
        },
    )
    put(tmp_path / "pid_splits.json", {"test": ["3", "4"]})
    for part in ("human", "augmented"):
        put(tmp_path / "test" / f"test_{part}.json", [{"imgname": "1.png", "query": "Q", "label": 14}])

    assert general.pope(tmp_path, "random")[0].answers == ("no",)
    (science,) = general.science_qa(tmp_path, "test")
    assert (science.answers, science.question, science.choices) == (("B",), "H Q", ("x", "y"))
    assert [one.id for one in general.chart_qa(tmp_path, "test")] == ["human-0", "augmented-0"]


def test_pictures_of_every_mode_become_rgb(tmp_path):
    """CMYK photographs, palettes, alpha and 16 bits; what is no picture is said so."""
    Image.new("CMYK", (3, 2), (0, 255, 255, 0)).save(tmp_path / "c.jpg")
    Image.fromarray(np.full((2, 3), 0x80FF, np.uint16)).save(tmp_path / "g.png")
    Image.new("P", (3, 2)).save(tmp_path / "p.png")
    (tmp_path / "no.png").write_text("no")

    assert all(read_picture(tmp_path / name).shape == (2, 3, 3) for name in ("c.jpg", "g.png", "p.png"))
    assert read_picture(tmp_path / "c.jpg")[0, 0, 0] > 200
    assert read_picture(tmp_path / "g.png").max() == 0x80
    with pytest.raises(EvaluationUnusable, match="cannot be read"):
        read_picture(tmp_path / "no.png")
    Image.fromarray(np.full((2, 3), 200, np.int32)).save(tmp_path / "i.tiff")
    with pytest.raises(EvaluationUnusable, match="32 bits"):
        read_picture(tmp_path / "i.tiff")


def test_a_line_that_is_no_json_is_said_in_a_sentence(tmp_path):
    """With the kind of file, and without what stands in it."""
    (tmp_path / "test.jsonl").write_text('{"image": "a", "question": "q", "answer": "yes"}\n{"image": Kim\n')

    with pytest.raises(EvaluationUnusable) as caught:
        read_objects(tmp_path / "test.jsonl")

    assert "one JSON object in each line" in str(caught.value) and "Kim" not in str(caught.value)


def test_a_picture_that_cannot_be_read_is_not_named(tmp_path):
    """A site's own file names can be those of patients."""
    (tmp_path / "kim.png").write_bytes(b"no picture")

    with pytest.raises(EvaluationUnusable) as caught:
        read_picture(tmp_path / "kim.png")

    assert "kim" not in str(caught.value)
