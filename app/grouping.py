"""Files that were read to what is kept of them: the study, its series in scan order, their instances."""

from collections.abc import Mapping, Sequence
from typing import Any

from dicom.series import Member, Series, group, is_slide
from storage.studies import NewInstance, NewSeries, NewStudy


def new_study(
    uid: str,
    members: list[Member],
    digests: Mapping[str, str],
    slides: Mapping[str, Mapping[str, Any]] | None = None,
) -> NewStudy:
    """One study of all its files, those it held before included.

    digests: the file's by the member's handle; slides: what is known of series that are slides, by their key
    """
    known = slides or {}
    (grouped,) = group(members)
    first = members[0].facts
    study, name = (
        first["study"],
        first["study"].get("StudyDescription") or first["series"].get("SeriesDescription", ""),
    )
    modalities = list(dict.fromkeys(one.modality for one in grouped.series))
    return NewStudy(
        study_uid=uid,
        modality=modalities[0],
        facts={
            "study_date": study.get("StudyDate", ""),
            "study_time": study.get("StudyTime", ""),
            "description": name,
            "accession": study.get("AccessionNumber", ""),
            "referrer": study.get("ReferringPhysicianName", ""),
            "institution": study.get("InstitutionName", ""),
            "region": study.get("BodyPartExamined", ""),
            "kind": "pathology" if modalities[0] in ("SM", "GM") else "radiology",
            **_cut(grouped.series),
        },
        series=[
            NewSeries(
                key=one.key,
                modality=one.modality,
                facts={
                    "description": one.members[0].facts["series"].get("SeriesDescription", ""),
                    "number": one.members[0].facts["series"].get("SeriesNumber", ""),
                    **_specimen(one),
                },
                findings=[{"code": f.code, "facts": f.facts} for f in one.findings],
                instances=[
                    NewInstance(
                        sop_uid=str(m.facts["sop_instance_uid"]),
                        file_sha256=digests[m.handle],
                        frames=int(n == 0) if one.key in known else int(m.facts["frames"]),
                        facts=_level(m, known[one.key], n == 0) if one.key in known else _slim(m.facts),
                    )
                    for n, m in enumerate(one.members)
                ],
            )
            for one in grouped.series
        ],
    )


def _slim(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What an instance keeps of its header: everything but the identity, which is the patient's."""
    return {name: value for name, value in facts.items() if name != "identity"}


def _level(member: Member, slide: Mapping[str, Any], is_largest: bool) -> dict[str, Any]:
    """A level of a slide: no picture of its own; the largest stands for the slide, in the pixels of its whole."""
    part = member.facts["whole_slide"]
    facts = {**_slim(member.facts), "kind": "slide", "frames": 1}
    whole = {"rows": part["height"], "columns": part["width"], "slide": dict(slide)}
    return facts | whole if is_largest else {name: value for name, value in facts.items() if name != "slide"}


def _specimen(series: Series) -> dict[str, str]:
    """Of a slide: what was cut and stained, and by it what the slide is called where its series has no name."""
    if not is_slide(series):
        return {}
    first = series.members[0].facts
    said = {name: str(first["whole_slide"][name]) for name in ("specimen", "block", "stain")}
    named = first["series"].get("SeriesDescription") or " ".join(filter(None, (said["block"], said["stain"])))
    return {**said, "description": named}


def _cut(series: Sequence[Series]) -> dict[str, Any]:
    """Of a study with slides: that it has some, and what its first was cut from."""
    first = next((one for one in series if is_slide(one)), None)
    if first is None:
        return {}
    said = first.members[0].facts["whole_slide"]
    return {"slides": True, **{name: str(said[name]) for name in ("specimen", "block", "stain")}}
