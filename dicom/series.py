"""Instances to studies and series, in scan order; what is odd about them is named, not fatal."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

Facts = Mapping[str, Any]
GAP_TOLERANCE = 0.2
"""Share of the median slice distance by which a distance may differ."""
SAME_PLACE_MM = 1e-3
APART = 10
"""Times the usual distance from which a gap is no missing slice but another stack."""
DIMENSIONS = ("kind", "echo", "acquisition", "time", "diffusion", "heart")
"""What the entries of `Inspection.stack` mean, in their order."""
KEYED_EMPTY = 4
"""The first fields stand in keys that are kept already, empty ones too."""
DIRECTION_TOLERANCE, SPACING_TOLERANCE_MM = 2e-3, 1e-3
TILT_TOLERANCE_DEGREES = 0.5


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
    studies: dict[str, dict[str, list[Member]]] = defaultdict(lambda: defaultdict(list))
    for member in members:
        studies[member.facts["study_instance_uid"]][member.facts["series_instance_uid"]].append(member)
    found = []
    for uid, by_series in studies.items():
        series = [one for part in by_series.values() for one in _series(part)]
        found.append(Study(uid, tuple(sorted(series, key=_place))))
    return found


def _place(series: Series) -> tuple[int, int, str]:
    first = series.members[0].facts
    text = str((first.get("series") or {}).get("SeriesNumber", ""))
    number = int(text) if text.lstrip("-").isdigit() and len(text) < 12 else 1 << 30
    return (number, _instance(first), series.key)


def _series(members: list[Member]) -> list[Series]:
    """One series of the header as the stacks that it is made of."""
    own = list({member.facts["sop_instance_uid"]: member for member in reversed(members)}.values())[::-1]
    levels = [member for member in own if member.facts.get("whole_slide")]
    if any(member.facts["whole_slide"]["is_level"] for member in levels):
        rest = [member for member in own if not member.facts.get("whole_slide")]
        return [*_pyramids(levels), *(_series(rest) if rest else ())]
    geometries = _stacks(own)
    stacks, told = [], []
    for geometry in geometries:
        parts, names = _unmixed(geometry)
        stacks += parts
        told += [_dimension(names, len(parts)) if names else None] * len(parts)
    is_one_row = (
        len(stacks) > 1 and all(len(stack) == 1 for stack in stacks) and len(set(map(_size, own))) == 1
    )
    if is_one_row:
        # Localizers and turning projections: as many directions as pictures. One row to leaf through.
        stacks, told = [own], [SeriesFinding("series.mixed_orientation", {"count": len(geometries)})]
    found = []
    for stack, key, dimension in zip(stacks, _keys(stacks), told, strict=True):
        ordered, findings = _in_scan_order(stack)
        findings += [dimension] if dimension else []
        if len(own) < len(members):
            findings.append(SeriesFinding("series.duplicate", {"count": len(members) - len(own)}))
        if len(stacks) > 1:
            findings.append(SeriesFinding("series.split", {"stacks": len(stacks)}))
        if "LOCALIZER" in (ordered[0].facts.get("image_type") or ()):
            findings.append(SeriesFinding("series.localizer"))
        codes = sorted({code for member in ordered for code in member.facts.get("warnings") or ()})
        findings += [SeriesFinding(code) for code in codes]
        found.append(Series(key, str(ordered[0].facts["modality"]), tuple(ordered), tuple(findings)))
    return found


def _pyramids(parts: list[Member]) -> list[Series]:
    """The levels of each slide of a series, the largest first; its thumbnail, where there is one, last."""
    by_uid: dict[str, list[Member]] = defaultdict(list)
    for one in parts:
        by_uid[one.facts["whole_slide"]["pyramid"]].append(one)
    uid = parts[0].facts["series_instance_uid"]
    found = []
    for pyramid, levels in by_uid.items():
        levels.sort(key=lambda one: (not one.facts["whole_slide"]["is_level"], -_area(one), one.handle))
        key = uid if len(by_uid) == 1 else f"{uid}|{pyramid}"
        found.append(Series(key, str(levels[0].facts["modality"]), tuple(levels), ()))
    return found


def _area(member: Member) -> int:
    part = member.facts["whole_slide"]
    return int(part["width"]) * int(part["height"])


def is_slide(series: Series) -> bool:
    """Whether its files are the levels of a slide, to be opened together."""
    return bool((series.members[0].facts.get("whole_slide") or {}).get("is_level"))


def _dimension(names: tuple[str, ...], count: int) -> SeriesFinding:
    """What tells stacks at the same places apart; several together are told by the first."""
    return SeriesFinding(f"series.dimension.{names[0]}", {"count": count})


def _stacks(members: Sequence[Member]) -> list[list[Member]]:
    """Pictures of one size, kind, direction and spacing together."""
    stacks: list[list[Member]] = []
    for member in members:
        home = next((stack for stack in stacks if is_same_stack(stack[0].facts, member.facts)), None)
        if home is None:
            stacks.append([member])
        else:
            home.append(member)
    return stacks


def is_same_stack(one: Facts, other: Facts) -> bool:
    """Compared with a tolerance, not rounded: rounding tears apart what lies on its edge."""
    return (
        _size(one) == _size(other)
        and _kind(one) == _kind(other)
        and _near(one.get("orientation"), other.get("orientation"), DIRECTION_TOLERANCE)
        and _near(one.get("spacing_mm"), other.get("spacing_mm"), SPACING_TOLERANCE_MM)
    )


def _size(of: Member | Facts) -> tuple[int, int]:
    facts = of.facts if isinstance(of, Member) else of
    return (facts["rows"], facts["columns"])


def _kind(facts: Facts) -> str:
    return "".join((facts.get("image_type") or ())[2:3])


def _near(one: Any, other: Any, tolerance: float) -> bool:
    if not one or not other:
        return not one and not other
    # Plain arithmetic: these are few numbers, asked of every slice of a thousand, where numpy takes ten times as long.
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def _unmixed(stack: list[Member]) -> tuple[list[list[Member]], tuple[str, ...]]:
    """Echoes, acquisitions or points in time apart, where the same places were taken several times, and by what.

    A tag that merely differs divides nothing: some scanners count a new acquisition for every slice.
    """
    places = [position_along_normal(member.facts) for member in stack]
    if None in places or len(set(places)) == len(places):
        return [stack], ()
    fields = max(len(member.facts.get("stack") or ()) for member in stack)
    for together in (1, 2):
        for chosen in combinations(range(fields), together):
            parts: dict[tuple[str, ...], list[Member]] = defaultdict(list)
            for member in stack:
                values = tuple(member.facts.get("stack") or ())
                parts[tuple("".join(values[n : n + 1]) for n in chosen)].append(member)
            if len(parts) > 1 and all(_has_own_places(part) for part in parts.values()):
                return list(parts.values()), tuple(DIMENSIONS[n] for n in chosen)
    return [stack], ()


def _has_own_places(part: list[Member]) -> bool:
    return len({position_along_normal(member.facts) for member in part}) == len(part) > 1


def _keys(stacks: list[list[Member]]) -> list[str]:
    """What tells each stack from its neighbours; it stays the same when more pictures of the stack arrive."""
    uid = stacks[0][0].facts["series_instance_uid"]
    if len(stacks) == 1:
        return [uid]
    keys: list[str] = []
    for stack in stacks:
        facts = stack[0].facts
        # Adding zero turns -0.0 into 0.0, which is the same direction.
        direction = [round(value, 2) + 0.0 for value in facts.get("orientation") or ()]
        spacing = [round(value, 2) for value in facts.get("spacing_mm") or ()]
        # Only what says something: a field that a later version reads as well must not change a kept key.
        told = [value for place, value in enumerate(facts.get("stack") or ()) if value or place < KEYED_EMPTY]
        common = [value for value in told if _all_have(stack, value)]
        key = "|".join(map(str, (uid, *_size(facts), _kind(facts), direction, spacing, common)))
        keys.append(f"{key}|{keys.count(key)}" if key in keys else key)
    return keys


def _all_have(stack: list[Member], value: str) -> bool:
    return all(value in (member.facts.get("stack") or ()) for member in stack)


def _in_scan_order(members: list[Member]) -> tuple[list[Member], list[SeriesFinding]]:
    # Position along the normal, not InstanceNumber: a second reconstruction pass numbers its slices from
    # 1 again, and the two halves would interleave.
    places = [position_along_normal(member.facts) for member in members]
    by_number = sorted(members, key=lambda m: (_instance(m.facts), m.handle))
    if len(members) == 1:
        return members, _of_frames(members[0].facts)
    if len(_stacks(members)) > 1:
        return by_number, []
    if None in places:
        crossing = members[0].facts["modality"] in ("CT", "MR", "PT")
        return by_number, [SeriesFinding("series.no_geometry")] if crossing else []
    order = sorted(range(len(members)), key=lambda i: (places[i], _instance(members[i].facts)))
    ordered = [members[i] for i in order]
    return ordered, _findings(ordered, np.diff([places[i] for i in order]))


def position_along_normal(facts: Facts) -> float | None:
    """Distance of a slice from the origin along its normal in mm, None without geometry (PS3.3 C.7.6.2.1.1)."""
    orientation, position = facts.get("orientation"), facts.get("position_mm")
    if not orientation or not position:
        return None
    return round(float(sum(n * p for n, p in zip(_normal(orientation), position, strict=True))), 4)


def _findings(ordered: list[Member], steps: Any) -> list[SeriesFinding]:
    findings = _gaps(steps)
    degrees = _tilt_degrees(
        [member.facts["position_mm"] for member in ordered], ordered[0].facts["orientation"]
    )
    if degrees > TILT_TOLERANCE_DEGREES:
        findings.append(SeriesFinding("series.tilt", {"degrees": round(degrees, 1)}))
    return findings


def _gaps(steps: Any) -> list[SeriesFinding]:
    """What distances between neighbours tell: the same place twice, a slice that is missing, another stack."""
    findings = []
    moved = steps[steps > SAME_PLACE_MM]
    if len(moved) < len(steps):
        findings.append(SeriesFinding("series.same_position", {"count": int(len(steps) - len(moved))}))
    if len(moved) > 1:
        usual = float(np.median(moved))
        gaps = moved[np.abs(moved - usual) > GAP_TOLERANCE * usual]
        if len(gaps):
            code = "series.two_stacks" if gaps.max() > APART * usual else "series.gap"
            facts = {
                "count": len(gaps),
                "largest_mm": round(float(gaps.max()), 2),
                "usual_mm": round(usual, 2),
            }
            findings.append(SeriesFinding(code, facts))
    return findings


def _of_frames(facts: Facts) -> list[SeriesFinding]:
    """The same of one object that holds a stack, or several."""
    places, stacks = facts.get("frame_positions_mm") or (), facts.get("frame_stacks") or ()
    counts = dict(facts.get("dimensions") or {})
    findings = [SeriesFinding(f"series.dimension.{name}", {"count": count}) for name, count in counts.items()]
    if len(places) < 2 or None in places or not facts.get("orientation"):
        return findings
    first = [place for place, stack in zip(places, stacks or [0] * len(places), strict=True) if stack == 0]
    normal = _normal(facts["orientation"])
    along = np.sort(np.array(first) @ normal)
    return [*findings, *_gaps(np.diff(along))]


def _normal(orientation: Any) -> Any:
    a, b, c, d, e, f = orientation
    return (b * f - c * e, c * d - a * f, a * e - b * d)


def _tilt_degrees(positions: list[Any], orientation: Any) -> float:
    """Angle between the way from the first slice to the last and the slices' normal."""
    way = np.subtract(positions[-1], positions[0])
    length = float(np.linalg.norm(way))
    if length < SAME_PLACE_MM:
        return 0.0
    normal = _normal(orientation)
    share = abs(float(np.dot(way, normal))) / (length * max(float(np.linalg.norm(normal)), 1e-9))
    return float(np.degrees(np.arccos(min(share, 1.0))))


def _instance(facts: Facts) -> int:
    number = facts.get("instance_number")
    return number if number is not None else 1 << 30
