"""DICOM slides as they are taken in: the files of a series, which are levels, opened together as one slide."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from app import slides
from app.wiring import Services
from dicom.series import Member, Series, group, is_slide
from storage.database import Tx

OLD = "old:"
"""How the handle of a file begins that the study holds already; its digest follows."""
Known = dict[str, dict[str, Any]]
"""What slides say of themselves, with the digests of their kept pictures, by the key of their series."""


def known_of(
    services: Services,
    whose: tuple[str, bytes],
    members: Sequence[Member],
    paths: Mapping[str, Path],
    scratch: Path,
) -> Known:
    """Open every slide among the files of one study; raises Damaged, NotAnImage, TooLarge where one cannot be opened.

    whose: the patient's id and key; paths: where received files lie, by their handle
    scratch: a folder for what is needed meanwhile
    """
    if not any(member.facts.get("whole_slide") for member in members):
        return {}
    found: Known = {}
    for series in filter(is_slide, group(members)[0].series):
        folder = Path(mkdtemp(prefix="slide-", dir=scratch))
        _lay_out(services, whose, series, paths, folder)
        first = folder / "0000"
        found[series.key] = slides.keep_small(
            services, whose[1], whose[0], first, services.decoder.slide(first)
        )
    return found


def _lay_out(
    services: Services, whose: tuple[str, bytes], series: Series, paths: Mapping[str, Path], folder: Path
) -> None:
    """The files of one slide alone in a folder, in their order; the reader finds the others by itself."""
    patient_id, key = whose
    for number, member in enumerate(series.members):
        target = folder / f"{number:04d}"
        if member.handle in paths:
            target.hardlink_to(paths[member.handle])
            continue
        with target.open("xb") as stream:
            for chunk in services.files.chunks(key, patient_id, member.handle.removeprefix(OLD)):
                stream.write(chunk)


def note(services: Services, tx: Tx, patient_id: str, known: Known) -> None:
    """Note the kept pictures of slides among the patient's files."""
    for one in known.values():
        slides.note_overview(services, tx, patient_id, {"slide": one})
