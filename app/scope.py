"""The gate before the model: what a picture is against what the model states, by a table of rules.

A refusal stands. A warning can be overridden by the person who asks, and is then recorded with the question in one
commit. Nothing is decided from a file's name. Not covered: whether the anatomy is what the header says.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app import slides, sources, viewing
from app.auth import Caller
from app.errors import Refused
from app.model_facts import model_in_use
from app.wiring import Services
from app.wording import sentence
from dicom.scope import REGIONS
from storage import studies
from storage.database import Tx
from storage.studies import Study

Verdict = Literal["refuse", "warn"]
RULES: dict[str, Verdict] = {
    "not_acquired": "refuse",
    "page": "refuse",
    "not_human": "refuse",
    "blank": "refuse",
    "localizer": "warn",
    "no_tissue": "warn",
    "raw": "warn",
    "burned_in": "warn",
    "modality": "warn",
    "region": "warn",
}
"""What follows from a finding, gravest first. `may_hold_text` alone is no reason: it holds of every ultrasound."""
KINDS: dict[str, tuple[str, ...]] = {
    "radiograph": ("CR", "DX", "RG"),
    "ct": ("CT",),
    "mr": ("MR",),
    "ultrasound": ("US", "IVUS"),
    "mammogram": ("MG",),
    "nuclear": ("PT", "NM"),
    "fluoroscopy": ("XA", "RF"),
    "histology": ("SM", "GM"),
}
"""Kind of picture by modality; others, such as photographs, have none and are judged by nobody."""
SPOKEN = {
    "radiograph": "radiograph radiographs x-ray xray",
    "ct": "ct tomography",
    "mr": "mr mri",
    "ultrasound": "ultrasound sonography",
    "mammogram": "mammogram mammography",
    "nuclear": "pet spect",
    "fluoroscopy": "fluoroscopy angiography",
    "histology": "histology histopathology pathology",
}
"""Words by which a model's card names a kind."""


@dataclass(frozen=True, slots=True)
class Stated:
    """One kind of picture that a model states it was made for; region: of dicom.scope.REGIONS, empty for any."""

    kind: str
    region: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that applies."""

    code: str
    verdict: Verdict


def stated(modalities: Sequence[str]) -> list[Stated]:
    """What the words of a card mean: "drawn chest radiograph" is a radiograph of the chest."""
    found = []
    for phrase in modalities:
        words = set(re.findall(r"[a-z-]+", phrase.casefold()))
        region = next((name for name, known in REGIONS.items() if words & set(known)), "")
        found += [Stated(kind, region) for kind, spoken in SPOKEN.items() if words & set(spoken.split())]
    return found


def findings(facts: Mapping[str, Any], modality: str, accepted: Sequence[Stated]) -> list[Finding]:
    """The rules that apply to a picture, gravest first.

    facts: `dicom.scope.Scope` as JSON, of a slide with `no_tissue`; modality: of the study, which a person gave where the header has none
    accepted: nothing where the model states nothing; then kind and region are judged by nobody
    """
    codes = set(facts["findings"])
    kind = next((name for name, known in KINDS.items() if (facts["modality"] or modality) in known), "")
    of_kind = [one.region for one in accepted if one.kind == kind]
    if kind and accepted and not of_kind:
        codes.add("modality")
    elif of_kind and facts["region"] and "" not in of_kind and facts["region"] not in of_kind:
        codes.add("region")
    return [Finding(code, verdict) for code, verdict in RULES.items() if code in codes]


def check(
    services: Services,
    caller: Caller,
    study_id: str,
    views: Sequence[Mapping[str, Any]],
    overridden: Sequence[str],
) -> list[str]:
    """Warnings that apply to any of the views and were overridden; raises Refused for the first other one.

    Looks at the pictures, so it is asked before a transaction begins. The refusal says what would be accepted.
    """
    gate = services.settings.scope_gate
    if gate == "off":
        return []
    model = model_in_use(services)
    accepted = stated(model["modalities"] if model else ())
    applying: dict[str, Finding] = {}
    # Every picture that will be sent; a request for more than may be sent is refused whatever they show.
    shown = [one for view in views for one in (view.get("sources") or [view])[: sources.MOST]]
    for view in shown:
        study, facts = _seen(services, caller, study_id, view)
        applying |= {one.code: one for one in findings(facts, study.modality, accepted)}
    for one in (applying[code] for code in RULES if code in applying):
        may_override = one.verdict == "warn" or gate == "warn"
        if not (may_override and one.code in overridden):
            _note(services, caller, study, one.code)
            raise Refused(
                f"scope.{one.code}",
                scope=one.code,
                may_override=may_override,
                accepted=_in_words(accepted, caller.language),
            )
    return [code for code in RULES if code in applying]


def _seen(
    services: Services, caller: Caller, study_id: str, view: Mapping[str, Any]
) -> tuple[Study, dict[str, Any]]:
    """The study and what this view of it is; raises NotFound, Refused for a view of something else."""
    with services.database.read(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "work")
        instance = studies.instance_of(tx, study, str(view.get("instance_id")))
        if not 0 <= int(view.get("frame") or 0) < instance.frames:
            raise Refused("app.invalid", what="view")
        slide = instance.facts.get("slide")
        data = viewing.file_of(services, tx, instance)
    if slide is None:
        # A box on a plane is in the plane's pixels; the slice beneath it says what kind of picture it is.
        box = None if view.get("plane") else view.get("box")
        return study, services.decoder.scope(data, viewing.view_of(view), box)
    # By its overview: glass is not even enough to be called blank, and a region is looked at before it is cut.
    empty = not slides.holds_tissue(data.read(), slide, view.get("box"))
    return study, {"modality": "SM", "region": "", "findings": ["no_tissue"] if empty else []}


def record(tx: Tx, study: Study, answer_id: str, overridden: Sequence[str]) -> None:
    """Say in the commit of a question which warnings its asker overrode."""
    if overridden:
        tx.record(
            "answer.scope_overridden",
            subject=study.patient_ref,
            object_type="answer",
            object_id=answer_id,
            reason=",".join(overridden),
        )


def _note(services: Services, caller: Caller, study: Study, code: str) -> None:
    with services.database.write(caller.actor) as tx:
        tx.record(
            "answer.out_of_scope",
            subject=study.patient_ref,
            object_type="study",
            object_id=study.id,
            outcome="failure",
            reason=code,
        )


def _in_words(accepted: Sequence[Stated], language: str) -> str:
    """What the model states, in the reader's language: "CT, radiograph (chest)"."""
    parts = []
    for one in accepted:
        kind = sentence(f"scope.kind.{one.kind}", language)
        parts.append(f"{kind} ({sentence(f'scope.region.{one.region}', language)})" if one.region else kind)
    return ", ".join(dict.fromkeys(parts)) or sentence("scope.kind.any", language)
