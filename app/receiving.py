"""An upload under way: where its files lie and what was found so far; lives in the process that takes it in."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.arrivals import Ahead, Read
from app.auth import Caller
from app.lens import Lens
from dicom import mirax
from dicom.errors import DicomError
from dicom.media import MediaFile

FoundFile = tuple[int, Path, dict[str, Any]]
"""A number, where the file lies on scratch, and what was read from it."""


@dataclass
class Partial:
    """A file that arrives in parts, one after the other.

    of: all of its bytes; kept: those that are here; digest: of these
    head, head_bytes: digest and size of its first part, by which its sender knows the file again after a reload
    """

    of: int
    kept: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    head: str = ""
    head_bytes: int = 0
    busy: bool = False


@dataclass
class Receiving:
    """One upload.

    rule: about identity, the site's or the stricter one that the person chose
    lens: what was found of identity, where the person wants to see it before anything is kept
    waiting: files that were read and wait for the person's decision, by the number they were sent under
    pictures: those without a header, which wait for what a person says of them
    sizes: of each announced file, where they may come in parts; parts: those of which some has come
    named: files that are one slide together: the slide's number and the file's name, as 0/Index.dat
    """

    id: str
    caller: Caller
    folder: Path
    announced: dict[str, int]
    heard_at: datetime
    rule: str
    lens: Lens | None = None
    sizes: tuple[int, ...] = ()
    named: dict[int, str] = field(default_factory=dict)
    parts: dict[int, Partial] = field(default_factory=dict)
    received: dict[int, int] = field(default_factory=dict)
    ahead: Ahead = field(default_factory=Ahead)
    study_id: str | None = None
    state: str = "receiving"
    unwanted: bool = False
    read: int = 0
    total: int = 0
    found: list[str] = field(default_factory=list)
    duplicates: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[tuple[int, Read]] = field(default_factory=list)
    good: list[Read] = field(default_factory=list)
    pictures: list[FoundFile] = field(default_factory=list)

    def laid_out(self) -> "list[tuple[int, Path | DicomError]]":
        """Slides of several files, each laid out for its reader, with the number of its first file; or why not."""
        found: list[tuple[int, Path | DicomError]] = []
        slides: dict[str, dict[str, int]] = {}
        for number, named in sorted(self.named.items()):
            if number not in self.received:
                continue
            slide, _, name = named.partition("/")
            slides.setdefault(slide, {})[name] = number
        for slide, parts in slides.items():
            folder = self.folder / f"slide-{int(slide)}"
            folder.mkdir(mode=0o700)
            try:
                paths = {name: self.folder / f"{number:06d}" for name, number in parts.items()}
                found.append((min(parts.values()), mirax.lay_out(paths, folder)))
            except DicomError as error:
                found.append((min(parts.values()), error))
        return found

    @property
    def under_way(self) -> int:
        """Bytes of files of which only some parts are here."""
        return sum(one.kept for number, one in self.parts.items() if number not in self.received)

    def progress(self) -> dict[str, Any]:
        """Counts and ids of an upload; no names."""
        return {
            "announced": self.announced,
            "received": {"files": len(self.received), "bytes": sum(self.received.values()) + self.under_way},
            "read": {"done": self.read, "total": self.total},
            "studies": list(dict.fromkeys(self.found)),
            "pictures": [
                {"n": number, "width": facts["columns"], "height": facts["rows"], "slide": "slide" in facts}
                for number, _, facts in self.pictures
            ],
            "refused": self.refused,
            "duplicates": self.duplicates,
            **(
                {"lens": self.lens.as_json(self.rule)} if self.lens and self.state == "needs_decision" else {}
            ),
        }


def media_of(laid: "list[tuple[int, Path | DicomError]]", first: int) -> list[MediaFile]:
    """Laid out slides as what an upload holds; first: how many files stand before them."""
    return [
        MediaFile(None, first + n, one) if isinstance(one, DicomError) else MediaFile(one, first + n)
        for n, (_, one) in enumerate(laid)
    ]
