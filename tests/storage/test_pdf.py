"""The paper: searchable in both scripts, escaped, deterministic, marked for what it is."""

import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from storage.pdf import (
    Answered,
    Box,
    Code,
    Field,
    Figure,
    Note,
    ReportContent,
    Section,
    Sentence,
    Signature,
    Status,
    render,
)
from storage.pdf.text import markup, plain

CODE = f"HTTPS://READING.LARGE-HOSPITAL.EXAMPLE.ORG/PAPER/1:{'7A' * 16}:12:{'7A' * 32}:1234567:{'C3' * 32}"


def picture(size: tuple[int, int] = (320, 240)) -> bytes:
    """A gray ramp as PNG."""
    out = BytesIO()
    Image.linear_gradient("L").resize(size).save(out, "PNG")
    return out.getvalue()


def content(**changes: object) -> ReportContent:
    """A signed chest report in Korean and English with one numbered box."""
    whole = ReportContent(
        language="ko",
        institution="드래곤플라이 병원",
        department="영상의학과",
        institution_line="Dragonfly Hospital · Department of Radiology",
        title="흉부 X선 판독 보고서 · Chest radiograph report",
        status=Status(lines=("FINAL · SIGNED", "최종 · 전자서명"), tone="calm"),
        patient=(
            Field(label="환자명 · PATIENT", value="홍길동 洪吉童 · HONG, Gildong", strong=True),
            Field(label="등록번호 · PATIENT ID", value="DF-00184213"),
            Field(label="생년월일 · BIRTH DATE", value="1961-03-14"),
            Field(label="성별 · SEX", value="M"),
        ),
        study=(Field(label="검사 · EXAMINATION", value="Chest PA"),),
        figures=(
            Figure(
                image=picture(),
                caption="1/1 · C 40 W 400",
                alternative="key image",
                boxes=(Box(number=1, x=0.1, y=0.2, width=0.3, height=0.3),),
            ),
        ),
        notes_heading="표시 · Marks",
        notes=(Note(number=1, text="Opacity, right lower zone", detail="34 × 21 mm"),),
        sections=(
            Section(
                heading="소견 · Findings",
                paragraphs=(
                    (
                        Sentence(text="The heart is normal in size.", mark="M"),
                        Sentence(text="우하폐야 음영."),
                    ),
                ),
            ),
            Section(
                heading="결론 · Impression",
                paragraphs=((Sentence(text="Opacity < 3 cm & stable."),),),
                emphasis=True,
            ),
        ),
        provenance_heading="생성 이력 · Provenance",
        provenance=(Field(label="모델 · Model", value="demonstration"),),
        code=Code(text=CODE, caption="오프라인 검증 · Verify offline"),
        signatures=(Signature(label="서명 · SIGNED BY", name="이서연", detail="2026-11-22 14:29 UTC"),),
        statement="이 문서는 모델의 도움으로 작성되었습니다.",
        footer_left="DF-00184213",
        footer_center="Report 1 · v1",
        page_words="{page} / {pages} 쪽 · Page {page} of {pages}",
    )
    return replace(whole, **changes)


def text_of(data: bytes) -> str:
    """All words, with line ends as spaces: where a line breaks is no part of what is said."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages).split())


def test_hangul_hanja_and_latin_come_back_as_text():
    """A search in the archive finds the patient under each way of writing the name."""
    words = text_of(render(content()))

    for expected in ("홍길동", "洪吉童", "HONG, Gildong", "우하폐야 음영", "Opacity < 3 cm & stable."):
        assert expected in words


def test_a_one_page_report_says_page_one_of_one():
    """A short report leaves no empty second page."""
    data = render(content())

    assert len(PdfReader(BytesIO(data)).pages) == 1
    assert "Page 1 of 1" in text_of(data)


def test_the_same_content_gives_the_same_bytes_in_another_run():
    """The digest of a paper can be compared years later."""
    code = (
        "import hashlib;from tests.storage.test_pdf import content, render;"
        "print(hashlib.sha256(render(content())).hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": "."},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Seoul"))
    }

    assert len(outputs) == 1


@pytest.mark.parametrize(
    "hostile",
    [
        '<img src="/etc/passwd"/>',
        '<a href="javascript:alert(1)">x</a>',
        "a <b> c </para> d",
        "&#x41; &amp; <font color='eval(1)'>",
        "\x00\x07\x1b[31m",
        "\u202ereversed",
        "${7*7} {{value}} %s",
    ],
)
def test_values_are_words_never_markup(hostile):
    """What a header or a model says cannot open a file, add a link or break the page."""
    data = render(
        content(
            title=hostile,
            patient=(Field(label=hostile, value=hostile, strong=True),),
            sections=(
                Section(
                    heading=hostile, paragraphs=((Sentence(text=hostile, mark=hostile),),), emphasis=True
                ),
            ),
            questions=(Answered(question=hostile, answer=hostile, detail=hostile),),
            questions_heading=hostile,
            footer_left=hostile,
        )
    )

    reader = PdfReader(BytesIO(data))
    assert all("/Annots" not in page for page in reader.pages)
    assert len(reader.pages) == 1


def test_a_character_without_a_glyph_is_named_not_boxed():
    """An empty box would hide what was signed."""
    assert plain("a\U0001f600b") == "a[U+1F600]b"
    assert plain("SpO₂") == "SpO[U+2082]"
    assert markup("SpO₂ <") == "SpO<sub>2</sub> &lt;"


def test_long_reports_run_over_many_pages_with_their_total_on_each():
    """A thousand sentences and one endless paragraph lose nothing."""
    sentence = Sentence(text="No focal consolidation is seen in this zone of the lung.")
    data = render(
        content(
            sections=(
                Section(heading="Findings", paragraphs=((sentence,) * 700,)),
                Section(heading="Impression", paragraphs=((sentence,) * 300,), emphasis=True),
            )
        )
    )

    pages = PdfReader(BytesIO(data)).pages
    words = text_of(data)
    assert len(pages) > 10
    assert words.count("No focal") == 1000
    assert f"Page {len(pages)} of {len(pages)}" in words


def test_drafts_and_demonstrations_carry_their_watermark_on_every_page():
    """Nobody can take a page out of a draft and pass it off as signed."""
    sentence = Sentence(text="Word " * 30)
    data = render(
        content(
            watermarks=("DRAFT", "초안"),
            band="Draft, not signed",
            sections=(Section(heading="Findings", paragraphs=((sentence,) * 40,)),),
        )
    )

    for page in PdfReader(BytesIO(data)).pages:
        words = page.extract_text()
        assert "DRAFT" in words and "초안" in words and "Draft, not signed" in words


def test_indication_and_history_stand_beside_the_first_image():
    """What the reader was told is read together with the picture."""
    beside = (Section(heading="Indication", paragraphs=((Sentence(text="Cough & fever."),),)),)

    assert "Cough & fever." in text_of(render(content(beside=beside)))


def test_a_short_report_with_a_large_picture_and_much_provenance_stays_on_one_page():
    """The picture gives way before a second page holds nothing but who signed."""
    provenance = tuple(Field(label=f"Line {n}", value="sha256 " + "0a1b2c3d " * 8) for n in range(6))
    square = (Figure(image=picture((400, 400)), caption="1", alternative="1"),)

    data = render(content(figures=square, provenance=provenance))

    assert len(PdfReader(BytesIO(data)).pages) == 1


def test_twelve_key_images_fit_with_their_captions():
    """Three to a row, none lost."""
    figures = tuple(
        Figure(image=picture((200, 290 + number)), caption=f"slice {number}.", alternative="slice")
        for number in range(12)
    )

    data = render(content(figures=figures, notes=()))

    assert sum(len(page.images) for page in PdfReader(BytesIO(data)).pages) == 12
    assert all(f"slice {number}." in text_of(data) for number in range(12))


def test_the_code_can_be_read_from_a_print(tmp_path):
    """At 100 dpi, as a fax or a phone sees it."""
    (tmp_path / "a.pdf").write_bytes(render(content()))
    subprocess.run(["pdftoppm", "-r", "100", "-png", "a.pdf", "page"], cwd=tmp_path, check=True)

    read = subprocess.run(
        ["zbarimg", "-q", "--raw", *(p.name for p in tmp_path.glob("page*.png"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert read.stdout.strip() == CODE


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=200))
def test_any_text_makes_a_paper(text):
    """No name and no answer can keep a report from being printed."""
    data = render(content(figures=(), sections=(Section(heading="x", paragraphs=((Sentence(text=text),),)),)))

    assert data.startswith(b"%PDF")
