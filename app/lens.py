"""What the files of an upload tell of who the patient is, before anything of them is kept: kinds and counts, no value."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LISTED = 300
"""Most attributes that are listed: a hostile header has a million."""
PREVIEWS = 12
"""Most pictures that are shown of those which may hold text."""


@dataclass
class Lens:
    """The list as it grows.

    naming: how many files hold something by which somebody could be known
    suspects: places of the files into whose pixels text may be burned, by header, for want of one, or as it was seen
    lettered: how many of these have lines of letters in them, as far as a search finds them (`dicom.burned_in`)
    """

    files: int = 0
    naming: int = 0
    told: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    suspects: list[int] = field(default_factory=list)
    lettered: int = 0

    def add(self, told: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
        """One more file: what it tells (`dicom.lens.Told` as JSON), and what was read from it."""
        found = {(str(one["attribute"]), str(one["kind"]), bool(one["identifies"])) for one in told}
        lettered = bool(facts.get("text_lines"))
        if lettered or facts.get("may_hold_text") or facts["kind"] in ("photo", "slide"):
            self.suspects.append(self.files)
        self.lettered += lettered
        self.files += 1
        self.naming += any(identifies for _, _, identifies in found)
        self.told.update(found)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that a person would have to look at."""
        return self.naming == 0 and not self.suspects

    def as_json(self, rule: str) -> dict[str, Any]:
        """rule: what becomes of identity where the person agrees"""
        # What identifies first, then what stands in most files.
        ordered = sorted(self.told.items(), key=lambda one: (not one[0][2], -one[1], one[0]))
        return {
            "rule": rule,
            "files": self.files,
            "naming": self.naming,
            "told": [
                {"attribute": attribute, "kind": kind, "identifies": identifies, "files": files}
                for (attribute, kind, identifies), files in ordered[:LISTED]
            ],
            "suspects": len(self.suspects),
            "lettered": self.lettered,
            "previews": self.suspects[:PREVIEWS],
        }
