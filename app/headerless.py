"""Pictures and slides without a header, and what a person said of them, to a study."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from dicom.text import clean
from storage.files import StoredFile
from storage.studies import NewInstance, NewSeries, NewStudy

Kept = tuple[StoredFile, dict[str, Any]]
"""A sealed file and what was read from it; of a slide with the digest of its overview, and of further files in `also`."""
SPECIMEN = ("specimen", "block", "stain")


def identity_of(details: Mapping[str, Any]) -> dict[str, Any]:
    """Whose they are, as a header would say it."""
    return {
        "name": {"alphabetic": clean(details.get("patient_name"))},
        "patient_id": clean(details.get("patient_id")),
        "birth_date": str(details.get("birth_date") or "").replace("-", ""),
        "sex": str(details.get("sex") or ""),
    }


def study_of(kept: Sequence[Kept], details: Mapping[str, Any], patient_id: str) -> NewStudy:
    """One study: the pictures together as one series, each slide as one of its own."""
    pathology = details.get("kind") == "pathology" or any("slide" in facts for _, facts in kept)
    modality = "SM" if pathology else "XC"
    digests = "".join(sorted(file.sha256 for file, _ in kept))
    uid = f"photos:{patient_id}:{hashlib.sha256(digests.encode()).hexdigest()}"
    pictures = [_picture(file, facts, details, modality) for file, facts in kept if "slide" not in facts]
    series = [NewSeries(key=uid, modality=modality, facts={"description": ""}, instances=pictures)]
    slides = [_slide(number, one, details) for number, one in enumerate(kept) if "slide" in one[1]]
    return NewStudy(
        study_uid=uid,
        modality=modality,
        facts={
            "study_date": str(details.get("study_date") or "").replace("-", ""),
            "description": clean(details.get("description")),
            "kind": "pathology" if pathology else "radiology",
            "slides": bool(slides),
            "headerless": True,
            **{name: clean(details.get(name)) for name in SPECIMEN},
        },
        series=[*(series if pictures else ()), *slides],
    )


def _picture(
    file: StoredFile, facts: Mapping[str, Any], details: Mapping[str, Any], modality: str
) -> NewInstance:
    um = details.get("um_per_pixel")
    spacing = [float(um) / 1000, float(um) / 1000] if um else None
    return NewInstance(
        sop_uid=facts["sop_instance_uid"],
        file_sha256=file.sha256,
        frames=1,
        facts={**facts, "modality": modality, "spacing_mm": spacing},
    )


def _slide(number: int, kept: Kept, details: Mapping[str, Any]) -> NewSeries:
    """What was said of this very slide, else what was said of all; a stated resolution only where it states none."""
    file, facts = kept
    of_each: Sequence[Mapping[str, Any]] = details.get("each") or ()
    own: Mapping[str, Any] = next((one for one in of_each if one.get("n") == number), {})
    said = {name: clean(own.get(name)) or clean(details.get(name)) for name in SPECIMEN}
    slide, um = dict(facts["slide"]), details.get("um_per_pixel")
    if um and not slide["um_per_pixel"]:
        slide |= {"um_per_pixel": [float(um), float(um)], "um_source": "person"}
    instance = NewInstance(
        sop_uid=facts["sop_instance_uid"],
        file_sha256=file.sha256,
        frames=1,
        facts={**{name: value for name, value in facts.items() if name != "also"}, "slide": slide},
    )
    others = [
        NewInstance(
            sop_uid=f"{facts['sop_instance_uid']}.{place}",
            file_sha256=sha256,
            frames=0,
            facts={name: value for name, value in facts.items() if name not in ("slide", "also")},
        )
        for place, sha256 in enumerate(facts.get("also") or (), start=1)
    ]
    return NewSeries(
        key=str(facts["series_instance_uid"]),
        modality="SM",
        facts={"description": " ".join(filter(None, (said["block"], said["stain"]))), **said},
        instances=[instance, *others],
    )
