"""Files that were read to what is kept of them: the study, its series in scan order, their instances."""

from collections.abc import Mapping
from typing import Any

from dicom.series import Member, group
from storage.studies import NewInstance, NewSeries, NewStudy


def new_study(uid: str, members: list[Member], digests: Mapping[str, str]) -> NewStudy:
    """One study of all its files, those it held before included; digests: the file's by the member's handle."""
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
        },
        series=[
            NewSeries(
                key=one.key,
                modality=one.modality,
                facts={
                    "description": one.members[0].facts["series"].get("SeriesDescription", ""),
                    "number": one.members[0].facts["series"].get("SeriesNumber", ""),
                },
                findings=[{"code": f.code, "facts": f.facts} for f in one.findings],
                instances=[
                    NewInstance(
                        sop_uid=str(m.facts["sop_instance_uid"]),
                        file_sha256=digests[m.handle],
                        frames=int(m.facts["frames"]),
                        facts=_slim(m.facts),
                    )
                    for m in one.members
                ],
            )
            for one in grouped.series
        ],
    )


def _slim(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What an instance keeps of its header: everything but the identity, which is the patient's."""
    return {name: value for name, value in facts.items() if name != "identity"}
