"""Frames of one object that lie at the same places: in time, by diffusion, by echo. Which frames form one stack?

An enhanced object may hold a whole examination. Leafing through its frames as they lie mixes what was taken at
different times; a volume must be made of one stack alone (PS3.3 C.7.6.17).
"""

from collections import defaultdict

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from dicom.header import items_of, numbers_of, orientation_of, position_of
from dicom.naming import value_of

# What a dimension's pointer means to a reader; places are no dimension of their own.
NAMES = {
    "TemporalPositionIndex": "time",
    "TemporalPositionTimeOffset": "time",
    "FrameAcquisitionDateTime": "time",
    "FrameReferenceDateTime": "time",
    "NominalCardiacTriggerDelayTime": "heart",
    "NominalPercentageOfCardiacPhase": "heart",
    "DiffusionBValue": "diffusion",
    "DiffusionGradientOrientation": "diffusion",
    "DiffusionDirectionality": "diffusion",
    "EffectiveEchoTime": "echo",
    "StackID": "stack",
    "ReferencedSegmentNumber": "segment",
    "OpticalPathIdentifier": "optical_path",
}
PLACES = ("InStackPositionNumber", "ImagePositionPatient", "PlanePositionSequence", "FrameAcquisitionNumber")
Index = tuple[str, ...]


def stacks_of(dataset: Dataset, frames: int) -> tuple[tuple[int, ...], dict[str, int]]:
    """For each frame the number of its stack, from 0 in order of appearance, and what tells the stacks apart.

    returns: ((), {}) where all frames form one stack, or have no place
    """
    if frames < 2 or not dataset.get("PerFrameFunctionalGroupsSequence"):
        return (), {}
    names = _names(dataset)
    indices = [_index(dataset, frame) for frame in range(frames)]
    used = [n for n, name in enumerate(names) if name and all(len(one) == len(names) for one in indices)]
    keys: list[Index] = [tuple(one[n] for n in used) for one in indices]
    places = [_place(dataset, frame) for frame in range(frames)]
    if None not in places and any(_repeats(keys, places)):
        # The header names no dimension, or too few: the second picture of a place begins the second stack.
        keys = [(*key, str(turn)) for key, turn in zip(keys, _repeats(keys, places), strict=True)]
        names, used = [*names, "unnamed"], [*used, len(names)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if len(numbers) < 2:
        return (), {}
    counts: dict[str, int] = {}
    for column, place in enumerate(used):
        values = len({key[column] for key in keys})
        if values > 1:
            counts[names[place]] = max(values, counts.get(names[place], 1))
    return tuple(numbers[key] for key in keys), counts


def _names(dataset: Dataset) -> list[str]:
    """One for each index of the header, empty for what is a place."""
    keywords = [
        keyword_for_tag(int(value_of(item, "DimensionIndexPointer") or 0))
        for item in items_of(dataset, "DimensionIndexSequence")
    ]
    return ["" if keyword in PLACES else NAMES.get(keyword, "other") for keyword in keywords]


def _index(dataset: Dataset, frame: int) -> Index:
    groups = dataset.PerFrameFunctionalGroupsSequence
    contents = items_of(groups[frame], "FrameContentSequence") if frame < len(groups) else []
    values = numbers_of(contents[0], "DimensionIndexValues") if contents else []
    return tuple(f"{value:g}" for value in values)


def _place(dataset: Dataset, frame: int) -> tuple[float, ...] | None:
    """Position and direction: an object may hold several directions through one point."""
    position, direction = position_of(dataset, frame), orientation_of(dataset, frame)
    return (*position, *(direction or ())) if position else None


def _repeats(keys: list[Index], places: list[tuple[float, ...] | None]) -> list[int]:
    """How many frames of the same key came before each at its place."""
    seen: dict[tuple, int] = defaultdict(int)
    turns = []
    for key, place in zip(keys, places, strict=True):
        turns.append(seen[(key, place)])
        seen[(key, place)] += 1
    return turns
