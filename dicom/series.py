"""Instances to studies and series, in scan order; what is odd about them is named, not fatal."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Facts = Mapping[str, Any]
GAP_TOLERANCE = 0.2
"""Share of the median slice distance by which a distance may differ."""


@dataclass(frozen=True, slots=True)
class Member:
    """One inspected file and the caller's own handle to it."""

    handle: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class SeriesFinding:
    """Something a reader should know about a series."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """Files of one series and one geometry, in scan order; `key` tells it from its neighbours for good."""

    key: str
    modality: str
    members: tuple[Member, ...]
    findings: tuple[SeriesFinding, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """Series of one examination of one patient."""

    study_uid: str
    series: tuple[Series, ...]


def group(members: Iterable[Member]) -> list[Study]:
    """Studies in the order they first appear; series by number, then by their first picture."""
    studies: dict[str, dict[tuple[Any, ...], list[Member]]] = defaultdict(lambda: defaultdict(list))
    for member in members:
        studies[member.facts["study_instance_uid"]][_key(member.facts)].append(member)
    return [Study(uid, tuple(_series(parts))) for uid, parts in studies.items()]


def _key(facts: Facts) -> tuple[Any, ...]:
    """What must agree for pictures to be one stack."""
    orientation = tuple(round(value, 3) for value in facts.get("orientation") or ())
    image_type = facts.get("image_type") or ()
    localizer = "LOCALIZER" in image_type
    return (facts["series_instance_uid"], facts["rows"], facts["columns"], orientation, localizer)


def _series(parts: Mapping[tuple[Any, ...], list[Member]]) -> list[Series]:
    split: dict[str, int] = defaultdict(int)
    for key in parts:
        split[key[0]] += 1
    found = []
    for key, members in parts.items():
        ordered, findings = _in_scan_order(_without_twins(members))
        if split[key[0]] > 1:
            findings.append(SeriesFinding("series.split", {"stacks": split[key[0]]}))
        if key[4]:
            findings.append(SeriesFinding("series.localizer"))
        name = "|".join(map(str, key))
        found.append(Series(name, str(ordered[0].facts["modality"]), tuple(ordered), tuple(findings)))
    return sorted(found, key=lambda one: (_number(one.members[0].facts), one.key))


def _number(facts: Facts) -> int:
    text = str((facts.get("series") or {}).get("SeriesNumber", ""))
    return int(text) if text.lstrip("-").isdigit() and len(text) < 12 else 1 << 30


def _without_twins(members: Sequence[Member]) -> list[Member]:
    """The same object twice in one upload is one object."""
    return list({(member.facts["sop_instance_uid"], member.handle): member for member in members}.values())


def _in_scan_order(members: list[Member]) -> tuple[list[Member], list[SeriesFinding]]:
    # Position along the normal, not InstanceNumber: a second reconstruction pass numbers its slices from
    # 1 again, and the two halves would interleave.
    places = [position_along_normal(member.facts) for member in members]
    if len(members) < 2 or any(place is None for place in places):
        return sorted(members, key=lambda m: (_instance(m.facts), m.handle)), []
    order = sorted(range(len(members)), key=lambda i: (places[i], _instance(members[i].facts)))
    steps = np.diff([places[i] for i in order])
    return [members[i] for i in order], _findings(steps, members[order[0]].facts)


def position_along_normal(facts: Facts) -> float | None:
    """Distance of a slice from the origin along its normal in mm, None without geometry (PS3.3 C.7.6.2.1.1)."""
    orientation, position = facts.get("orientation"), facts.get("position_mm")
    if not orientation or not position:
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    return round(float(np.dot(normal, position)), 4)


def _findings(steps: Any, facts: Facts) -> list[SeriesFinding]:
    findings = []
    moved = steps[steps > 1e-3]
    if len(moved) < len(steps):
        findings.append(SeriesFinding("series.same_position", {"count": int(len(steps) - len(moved))}))
    if len(moved) > 1:
        typical = float(np.median(moved))
        gaps = moved[np.abs(moved - typical) > GAP_TOLERANCE * typical]
        if len(gaps):
            findings.append(
                SeriesFinding("series.gap", {"count": len(gaps), "largest_mm": round(float(gaps.max()), 2)})
            )
    return findings


def _instance(facts: Facts) -> int:
    number = facts.get("instance_number")
    return number if number is not None else 1 << 30
