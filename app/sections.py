"""The sections of a report, and what of a model's answer goes into which: by the kind of study."""

from collections.abc import Mapping
from typing import Any

from app import sentences
from storage.answers import StoredAnswer
from storage.studies import Study

RADIOLOGY = ("technique", "comparison", "findings", "impression")
PATHOLOGY = ("specimen", "macroscopy", "microscopy", "diagnosis")
BODY, CONCLUSION = ("findings", "microscopy"), ("impression", "diagnosis")
"""What is seen, and what it means; of the two kinds of report."""
PROMPTS = {
    "report_field": "report_findings",
    "report_microscopy": "report_findings",
    "report_diagnosis": "report_impression",
}
"""Prompts whose kind of answer has another name: a field is described and concluded on as any picture is."""


def names_for(study: Study) -> tuple[str, ...]:
    """The sections of a new report on this study, in order."""
    return PATHOLOGY if study.facts.get("slides") else RADIOLOGY


def names_in(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The sections of a report, in order, whatever the study became since."""
    return PATHOLOGY if "diagnosis" in (content.get("sections") or {}) else RADIOLOGY


def section_of(kind: str) -> str:
    """The section an answer of this kind belongs to; every field of a slide to its microscopy."""
    return "microscopy" if kind == "report_field" else kind.removeprefix("report_")


def rows_of(answer: StoredAnswer) -> list[dict[str, Any]]:
    """The sentences of an answer as the model's, each with the number of the field that it rests on."""
    number = answer.view.get("field")
    told = sentences.split(answer.answer or "")
    if number is not None:
        told = [sentences.cited(one, int(number)) for one in told]
    return [{"text": one, "origin": "model", "answer_id": answer.id} for one in told]


def about_slide(facts: Mapping[str, Any]) -> str:
    """The specimen as it was announced: what stands in that section before anybody wrote into it."""
    return ", ".join(str(facts[name]) for name in ("specimen", "block", "stain") if facts.get(name))
