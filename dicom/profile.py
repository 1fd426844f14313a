"""The basic confidentiality profile and its options as data (PS3.15 table E.1-1, edition 2024e)."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

TABLE = Path(__file__).parent / "basic_profile.csv"
Dates = Literal["remove", "shift", "keep"]
CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113110": "Retain UIDs Option",
    "113112": "Retain Institution Identity Option",
}
"""PS3.16 CID 7050."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What goes beyond the basic profile, or stays against it; all off is the basic profile.

    dates: shift moves all dates of a patient by the same number of days, keep leaves them
    clean_descriptors: descriptions stay as far as their words are known not to name anybody
    clean_pixels: bands where devices write the patient's name are blanked
    pseudonym: stands as name and number of the patient; without one both are empty
    keyed_pseudonym: in its place a word derived from the patient's number under the secret, so that studies of
        one patient stay together

    Not offered: safe private attributes, structured content and graphics, which a person has to read.
    """

    keep_uids: bool = False
    keep_device: bool = False
    keep_institution: bool = False
    keep_characteristics: bool = False
    dates: Dates = "remove"
    clean_descriptors: bool = False
    clean_pixels: bool = False
    pseudonym: str = ""
    keyed_pseudonym: bool = False

    def codes(self) -> list[str]:
        """The profile and its options as they stand in the file (keys of CODES)."""
        used = {
            "113100": True,
            "113101": self.clean_pixels,
            "113105": self.clean_descriptors,
            "113106": self.dates == "keep",
            "113107": self.dates == "shift",
            "113108": self.keep_characteristics,
            "113109": self.keep_device,
            "113110": self.keep_uids,
            "113112": self.keep_institution,
        }
        return [code for code, is_used in used.items() if is_used]

    def columns(self) -> list[str]:
        """The columns of the table that speak; what stands further left goes before."""
        used = {
            "rtnUIDsOpt": self.keep_uids,
            "rtnDevIdOpt": self.keep_device,
            "rtnInstIdOpt": self.keep_institution,
            "rtnPatCharsOpt": self.keep_characteristics,
            "rtnLongFullDatesOpt": self.dates == "keep",
            "rtnLongModifDatesOpt": self.dates == "shift",
            "cleanDescOpt": self.clean_descriptors,
        }
        return [name for name, is_used in used.items() if is_used]


BASIC = Options()


@cache
def rules(options: Options = BASIC) -> dict[int, str]:
    """Tag to action: D replaced, Z empty, X absent, U new UID, K kept, C cleaned, and choices such as X/Z/D.

    A cleaned value that cannot be cleaned follows `basic_profile`. The four rows that stand for many tags (curves,
    overlays, private) are rules of `deidentify` itself.
    """
    found: dict[int, str] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            tag = row["tag"].strip("()").replace(",", "")
            if len(tag) == 8 and "x" not in tag.lower():
                said = [row[column].strip() for column in options.columns()]
                chosen = "K" if "K" in said else next(filter(None, said), "")
                found[int(tag, 16)] = chosen or row["basicProfile"].strip()
    return found


def basic_profile() -> dict[int, str]:
    """Tag to action of the basic profile."""
    return rules(BASIC)
