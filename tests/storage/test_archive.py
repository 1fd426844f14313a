"""A paper can be kept and read aloud: PDF/A-3a and PDF/UA-1 by veraPDF, and what the structure says."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from io import BytesIO

import pikepdf
import pytest
from pypdf import PdfReader
from reportlab.lib.styles import ParagraphStyle

from storage.pdf import Answered, Attachment, Box, Field, Figure, Note, Section, Sentence, render
from storage.pdf.tags import Tagged, language_of
from storage.pdf.text import REGULAR, register_fonts
from tests.storage.test_pdf import content, picture, text_of
from tests.verapdf.checker import PROFILES, verdicts

ZONE = Sentence(text="No focal consolidation is seen in this zone of the lung.", mark="M")
HANJA = Sentence(text="심장 크기는 정상이다. 洪吉童 右肺 SpO₂ 97 %, 10⁻³ mm, ☐ 확인.")
HOSTILE = Sentence(text='<b>"&</b> \x00\u202e\U0001f600 ${7*7} </para>')


def sections(*rows, emphasis=False):
    return (Section(heading="소견 · Findings", paragraphs=rows, emphasis=emphasis),)


def asked(count):
    return {
        "questions_heading": "질문 · Questions",
        "question_label": "질문 · Question",
        "answer_label": "답변 · Answer",
        "questions": tuple(
            Answered(question=f"Is there a nodule in slice {n}?", answer="아니요. No.", detail=f"{n} ms")
            for n in range(count)
        ),
    }


def figures(count):
    return tuple(
        Figure(
            image=picture((200, 290 + number)),
            caption=f"slice {number}.",
            alternative=f"Slice {number} of the chest",
            boxes=(Box(number=1, x=0.1, y=0.1, width=0.2, height=0.2),),
        )
        for number in range(count)
    )


def few():
    """The kinds of paper there are, by a name each."""
    return {
        "korean": content(),
        "english": content(language="en", title="Chest radiograph report", institution="Dragonfly Hospital"),
        "draft": content(watermarks=("DRAFT", "초안"), band="Draft, not signed", signatures=()),
        "deidentified": content(
            patient=(), figures=(), notes=(), footer_left="", institution="Dragonfly-Med"
        ),
        "hanja": content(sections=sections((HANJA,), (HANJA, ZONE)), title="흉부 판독 洪吉童"),
        "hostile": content(sections=sections((HOSTILE,), emphasis=True), notes=(Note(number=1, text="<x>"),)),
        "twelve pictures": content(figures=figures(12), notes=()),
        "questions over pages": content(**asked(120)),
        "one endless paragraph": content(sections=sections((ZONE,) * 400)),
        "nothing found": content(sections=(), notes=(), code=None, provenance=(), statement=""),
        "attached": content(
            attachments=(
                Attachment(
                    name="report.json", kind="application/json", data=b'{"a":1}', description="Content"
                ),
            )
        ),
    }


def some():
    """Those whose words are the hardest to bring back."""
    return {name: few()[name] for name in ("english", "hanja", "hostile", "one endless paragraph")}


def many():
    """Forty: every kind in both languages at several lengths, to fifty pages and a table of a thousand rows."""
    made = few()
    for language in ("ko", "en"):
        for length in (1, 7, 40, 120, 400, 1100, 2400):
            rows = sections((ZONE, HANJA) * length, (HANJA,) * (length // 2))
            made[f"{language} {length}"] = content(language=language, sections=rows)
        for count in (1, 30, 1000):
            made[f"{language} table {count}"] = content(language=language, **asked(count))
        for count in (1, 4, 7):
            made[f"{language} pictures {count}"] = content(language=language, figures=figures(count))
        provenance = tuple(Field(label=f"Line {n}", value="sha256 " + "0a1b2c3d " * 8) for n in range(40))
        made[f"{language} provenance"] = content(language=language, provenance=provenance)
        made[f"{language} addenda"] = content(language=language, addenda=sections((HANJA,)) * 9)
    return made


def written(papers, folder):
    for name, paper in papers.items():
        (folder / f"{name}.pdf").write_bytes(render(paper))
    return sorted(folder.glob("*.pdf"))


def test_every_kind_of_paper_passes_both_profiles(tmp_path):
    """As veraPDF checks them: level A of part 3 to be kept, and part 1 of universal accessibility."""
    found = verdicts(written(few(), tmp_path))

    assert len(found) == len(few()) * len(PROFILES)
    assert {what: verdict for what, verdict in found.items() if verdict != "pass"} == {}


EXTRACTED = {
    ZONE: "Nofocalconsolidationisseeninthiszoneofthelung.",
    HANJA: "심장크기는정상이다.洪吉童右肺SpO297%,10−³mm,[U+2610]확인.",
    HOSTILE: '<b>"&</b>[U+0000][U+202E][U+1F600]${7*7}</para>',
}
"""What a reader of the file must find of each sentence, without the spaces, which depend on where lines break."""


def missing(paper, data):
    """What of a paper's words does not come back from its bytes, as often as it was put in."""
    found = "".join(text_of(data).split())
    breaks = len(PdfReader(BytesIO(data)).pages)
    counts = Counter()
    for section in (*paper.sections, *paper.addenda, *paper.beside):
        counts.update(one for row in section.paragraphs for one in row)
    lost = [
        (text, count, found.count(text))
        for sentence, text in EXTRACTED.items()
        if (count := counts[sentence])
        # One sentence may be cut by the foot of each page; none of its words is.
        and not count - breaks < found.count(text) <= count
    ]
    lost += [
        (word, counts[sentence], found.count(word))
        for sentence, word in ((ZONE, "consolidation"), (HOSTILE, "[U+1F600]"))
        if found.count(word) != counts[sentence]
    ]
    told = [*(one.question for one in paper.questions), *(one.caption for one in paper.figures)]
    told += [one.value for one in (*paper.patient, *paper.study)] + [paper.statement]
    return lost + [one for one in told if "".join(one.split()) not in found]


def digests_of(papers):
    """SHA-256 of each paper as it is made here."""
    return {name: hashlib.sha256(render(paper)).hexdigest() for name, paper in papers.items()}


def digests_elsewhere(which):
    """The same by another process, with other hashes of its own and in another zone of the day."""
    code = f"import json; from tests.storage.test_archive import *; print(json.dumps(digests_of({which}())))"
    environment = {"PYTHONHASHSEED": "7", "TZ": "Asia/Seoul", "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment)
    return json.loads(done.stdout)


def test_all_words_come_back_and_another_process_makes_the_same_bytes():
    """Each sentence as often as it was written, over pages, in both scripts, hostile ones as what they are."""
    papers = some()

    assert {name: lost for name, paper in papers.items() if (lost := missing(paper, render(paper)))} == {}
    assert digests_elsewhere("some") == digests_of(papers)


@pytest.mark.slow
def test_forty_papers_pass_both_profiles_and_are_the_same_twice(tmp_path):
    """From one page to fifty, with a table of a thousand rows; all text comes back, here and in another process."""
    papers = many()
    files = written(papers, tmp_path)
    found = verdicts(files)

    assert len(papers) >= 40
    assert {what: verdict for what, verdict in found.items() if verdict != "pass"} == {}
    made = {name: (tmp_path / f"{name}.pdf").read_bytes() for name in papers}
    first = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    assert first == digests_of(papers) == digests_elsewhere("many")
    assert {name: lost for name, paper in papers.items() if (lost := missing(paper, made[name]))} == {}
    with pikepdf.open(tmp_path / "ko 2400.pdf") as longest:
        assert len(longest.pages) >= 50


def elements(pdf):
    """Every element of the structure, in reading order; their kids are elements and marks."""

    def below(element):
        yield element
        for kid in element.K:
            if kid.get("/Type") == "/StructElem":
                yield from below(kid)

    return list(below(pdf.Root.StructTreeRoot.K[0]))


@pytest.mark.parametrize("text", ["A plain text of one font. " * 90, "<b>Two</b> fonts, 흉부 判讀. " * 90])
def test_what_is_left_for_the_next_page_breaks_as_if_it_were_new(text):
    """Line for line and place for place, in one font and in several, though it is not broken again."""
    register_fonts()
    whole = Tagged(text, ParagraphStyle("body", fontName=REGULAR))
    whole.wrap(200, 100)
    kept = whole.split(200, 60)[1]
    anew = Tagged(None, kept.style, frags=kept.frags)
    kept.wrap(200, 100)
    anew.wrap(200, 100)

    assert len(lines_of(kept)) > 8
    assert lines_of(kept) == lines_of(anew)
    assert kept.split(200, 60)[0].getPlainText() == anew.split(200, 60)[0].getPlainText()


def lines_of(paragraph):
    """Words of each line, room left in it, and with which word of the text it begins."""
    broken = paragraph.blPara
    if broken.kind == 0:
        return [(round(room, 6), words) for room, words in broken.lines]
    return [
        (round(one.extraSpace, 6), [word.text for word in one.words], getattr(one, "sFW", None))
        for one in broken.lines
    ]


@pytest.fixture
def opened():
    """Papers as open files: what was read from one lives as long as it does."""
    with ExitStack() as stack:
        yield lambda paper: stack.enter_context(pikepdf.open(BytesIO(render(paper))))


def test_the_structure_says_what_each_piece_is(opened):
    """Title, headings, pictures with words for them, lists and tables with their heads, in the order of reading."""
    found = elements(opened(content(**asked(2))))

    told = [str(element.S) for element in found]
    assert told[:4] == ["/Document", "/P", "/P", "/H1"]
    assert told.count("/H2") == 5  # marks, findings, impression, questions, provenance
    assert told.count("/Figure") == 2 and told.count("/Table") == 2
    assert told[told.index("/L") :][:5] == ["/L", "/LI", "/Lbl", "/LBody", "/P"]
    assert [str(one.Alt) for one in found if one.S == "/Figure"] == [
        "key image",
        "오프라인 검증 · Verify offline",
    ]
    scopes = [str(one.A.Scope) for one in found if one.S == "/TH"]
    assert scopes == ["/Column", "/Column", "/Row"]
    languages = {str(one.get("/Lang", "")) for one in found if one.S == "/P"}
    assert {"ko", "en"} <= languages


def test_a_paragraph_over_pages_is_one_element_and_a_repeated_head_is_none(opened):
    """A screen reader goes on at the next page without a new paragraph, and hears the head of a table once."""
    found = elements(opened(content(sections=sections((ZONE,) * 400), **asked(60))))

    longest = max((one for one in found if one.S == "/P"), key=lambda one: len(one.K))
    pages = {mark.Pg.objgen for mark in longest.K}
    assert len(pages) > 2
    heads = [one for one in found if one.S == "/TH" and one.A.Scope == "/Column"]
    assert len(heads) == 2 and all(len(one.K) == 1 and len(one.K[0].K) == 1 for one in heads)


def test_what_is_attached_comes_out_as_it_went_in():
    """A program reads the report's content from the paper, byte for byte."""
    data = b'{"sections":{"findings":"\xec\x9d\x8c"}}'
    one = Attachment(
        name="report.json", kind="application/json", data=data, description="Content of the report"
    )

    with pikepdf.open(BytesIO(render(content(attachments=(one,))))) as pdf:
        attached = pdf.attachments["report.json"]

        assert attached.get_file().read_bytes() == data
        assert attached.get_file().mime_type == "application/json"
        assert pdf.Root.AF[0].AFRelationship == "/Source"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("소견", "ko"),
        ("소견 · Findings", "ko"),
        ("Findings", "en"),
        ("洪吉童", ""),
        ("34 × 21", ""),
        ("", ""),
    ],
)
def test_a_paragraph_is_spoken_in_its_own_language(text, language):
    """Hanja and numbers alone are left to the language of the paper."""
    assert language_of(text) == language
