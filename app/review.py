"""What a researcher may see of a signed study, what waits for a clinician, and what they judge.

Free text passes only when it tells nothing of who the patient is. Pictures wait when text may be burned into
them. A release holds for the text and the pictures that the clinician saw, and for no others.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from app import sentences
from app.reporting import latest_model_texts
from app.shapes.reports import SectionName, SeenReport
from app.telling import is_telling, only_together, values_of
from dicom.banner import SUSPECT
from dicom.naming import MODALITIES
from storage import answers, reports, reviews, studies
from storage.database import Tx
from storage.errors import NotFound, NotSigned, Unreadable
from storage.reports import Report
from storage.studies import Study

PICTURES = "pictures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something of a study that is text or pictures, and whether it waits for a release."""

    item: str
    withheld: bool
    text: str = ""


def items(tx: Tx, study: Study, report: Report) -> list[Item]:
    """Every text and the pictures of a study, with what waits."""
    released = reviews.released(tx, study.id)
    values = values_of(tx, study)

    def text_item(name: str, text: str, *, together: bool = False) -> Item:
        waits = together or is_telling(text, values)
        return Item(item=name, text=text, withheld=waits and _key(tx, study, name, text) not in released)

    found = [
        text_item(name, str(report.content[name]))
        for name in ("indication", "history")
        if report.content.get(name)
    ]
    for section, rows in report.content["sections"].items():
        texts = [str(row["text"]) for row in rows]
        broken = only_together(texts, values)
        found += [
            text_item(f"{section}:{place}", text, together=place in broken)
            for place, text in enumerate(texts)
        ]
    found += [text_item(f"addendum:{one.number}", one.text) for one in report.addenda]
    for one in answers.of_study(tx, study):
        if one.kind == "question" and one.state == "done":
            found += [
                text_item(f"q:{one.id}", one.question or ""),
                text_item(f"a:{one.id}", one.answer or ""),
            ]
    waits = pictures_wait(tx, study) and _key(tx, study, PICTURES, _shown(tx, study)) not in released
    return [*found, Item(item=PICTURES, withheld=waits)]


def release(tx: Tx, study: Study, report: Report, name: str) -> None:
    """Let researchers see one item as it is now.

    raises: NotFound when the report has no such item, NotSigned while its text can still become another
    """
    found = {one.item: one for one in items(tx, study, report)}
    if name not in found:
        raise NotFound(object="item")
    if not report.is_signed:
        raise NotSigned()
    seen = _shown(tx, study) if name == PICTURES else found[name].text
    reviews.release(tx, study, _key(tx, study, name, seen))


def _key(tx: Tx, study: Study, name: str, seen: str) -> str:
    """An item and what it held: pictures added later, or another text in its place, wait again."""
    return f"{name}@{tx.digest(study.patient_id, seen)[:16]}"


def _shown(tx: Tx, study: Study) -> str:
    return ",".join(sorted(one.id for series in studies.series(tx, study) for one in series.instances))


def pictures_wait(tx: Tx, study: Study) -> bool:
    """Whether text may be burned into a picture of this study, by its headers or for want of them."""
    for series in studies.series(tx, study):
        for instance in series.instances:
            burned = str(instance.facts.get("burned_in_annotation") or "").upper()
            if burned == "YES" or instance.facts.get("kind") in ("photo", "slide"):
                return True
            if instance.facts.get("text_lines"):  # whatever the header says
                return True
            if burned != "NO" and (instance.facts.get("may_hold_text") or series.modality in SUSPECT):
                return True
    return False


def kind_of(study: Study) -> str:
    """Its modality, where the header holds one of the standard's terms: anything else could be a name."""
    return study.modality if study.modality in MODALITIES else "OT"


def for_researcher(tx: Tx, study: Study, report: Report) -> SeenReport:
    """The de-identified view: a withheld text is absent and its place says so."""
    seen = {one.item: one for one in items(tx, study, report)}

    def text(name: str) -> str | None:
        found = seen.get(name)
        return None if found is None or found.withheld else found.text

    drafts = latest_model_texts(tx, study, report)
    values = values_of(tx, study)
    return {
        "id": report.id,
        "modality": kind_of(study),
        "state": report.state,
        "indication": text("indication"),
        "history": text("history"),
        "sections": {
            cast(SectionName, name): [
                {
                    "text": text(f"{name}:{place}"),
                    "origin": row["origin"],
                    "withheld": seen[f"{name}:{place}"].withheld,
                }
                for place, row in enumerate(rows)
            ]
            for name, rows in report.content["sections"].items()
        },
        "drafts": {
            cast(SectionName, name): None if is_telling(one, values) else one for name, one in drafts.items()
        },
        "addenda": [
            {"text": text(f"addendum:{one.number}"), "withheld": seen[f"addendum:{one.number}"].withheld}
            for one in report.addenda
        ],
        "questions": [
            {"question": text(f"q:{one.id}"), "answer": text(f"a:{one.id}")}
            for one in answers.of_study(tx, study)
            if one.kind == "question" and one.state == "done"
        ],
        "pictures": 0 if seen[PICTURES].withheld else 1,
        "withheld": sum(one.withheld for one in seen.values()),
        "edit_distance": edit_distance(tx, study, report),
    }


def pairs(tx: Tx) -> Iterator[dict[str, Any]]:
    """What the model drafted beside what was signed, section by section, as a researcher may see both.

    A section of which a sentence waits, or whose draft tells who the patient is, stands there without its texts.
    """
    for report_id, study_id in reports.signed(tx):
        try:
            study = studies.get(tx, study_id, None)
        except Unreadable:  # erased
            continue
        report = reports.get(tx, study, report_id)
        seen, model = for_researcher(tx, study, report), _model_of(tx, study, report)
        for section, draft in seen["drafts"].items():
            rows = seen["sections"].get(section, [])
            withheld = draft is None or any(row["withheld"] for row in rows)
            yield {
                "report_id": report_id,
                "modality": kind_of(study),
                "section": section,
                "generated": None if withheld else draft,
                "signed": None if withheld else sentences.joined(rows),
                "withheld": int(withheld),
                "model": model.get("name", ""),
                "model_fingerprint": model.get("fingerprint", ""),
                "demonstration": int(bool(model.get("demonstration"))),
            }


def edit_distance(tx: Tx, study: Study, report: Report) -> int:
    """Characters changed between what the model wrote and what was signed."""
    drafts = latest_model_texts(tx, study, report)
    return sum(
        sentences.distance(drafts.get(name, ""), sentences.joined(rows))
        for name, rows in report.content["sections"].items()
        if drafts.get(name)
    )


CODEBOOK = {
    "report_id": "Random id of the report; tells nothing about the patient.",
    "reviewer": "Random id of the researcher.",
    "modality": "DICOM Modality of the study.",
    "rating": "Overall rating, 1 (unusable) to 5 (could be signed as it is).",
    "seconds": "Seconds from opening the report to saving the review.",
    "edit_distance": "Levenshtein distance in characters between the model's last draft and the signed text.",
    "categories": "Errors as category/significant/section/sentence; categories: false_finding, missed_finding, "
    "wrong_place, wrong_severity, invented_comparison, missed_comparison; sentence counts from 0, empty for the whole report.",
    "comment": "The researcher's comment, empty where it holds a value that could tell who the patient is.",
    "model": "Name of the model that drafted.",
    "model_fingerprint": "SHA-256 over its weight files.",
    "demonstration": "1 where it was the demonstration model.",
}


def rows(tx: Tx) -> Iterator[dict[str, Any]]:
    """One row for each review, de-identified, in the columns of the code book."""
    for report_id, study_id in reports.signed(tx):
        try:
            study = studies.get(tx, study_id, None)
        except Unreadable:  # erased: what was judged of it left with it
            continue
        report = reports.get(tx, study, report_id)
        values = values_of(tx, study)
        model = _model_of(tx, study, report)
        for one in reviews.of_report(tx, study, report_id):
            yield {
                "report_id": report_id,
                "reviewer": one.reviewer_id,
                "modality": kind_of(study),
                "rating": one.rating,
                "seconds": one.seconds,
                "edit_distance": one.edit_distance,
                "categories": [
                    f"{m.category}/{int(m.significant)}/{m.section or ''}/{'' if m.sentence is None else m.sentence}"
                    for m in one.marks
                ],
                "comment": "" if is_telling(one.comment, values) else one.comment,
                "model": model.get("name", ""),
                "model_fingerprint": model.get("fingerprint", ""),
                "demonstration": int(bool(model.get("demonstration"))),
            }


def _model_of(tx: Tx, study: Study, report: Report) -> Mapping[str, Any]:
    for one in answers.of_study(tx, study):
        if one.report_id == report.id and one.model:
            return one.model
    return {}


def as_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV; a cell that a spreadsheet would run as a formula starts with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(CODEBOOK))
    writer.writeheader()
    for row in found:
        writer.writerow({name: _cell(row[name]) for name in CODEBOOK})
    return out.getvalue()


def _cell(value: Any) -> str:
    text = ";".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_jsonl(found: Iterable[Mapping[str, Any]]) -> str:
    """Rows as one JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
