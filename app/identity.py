"""The site's rule about identity: kept as it comes, replaced by a pseudonym, or refused, before anything is kept.

Pseudonymised files follow PS3.15 E.1 with dates moved alike for all of a patient, sex and age kept, descriptions
cleaned and the bands blanked where devices write; the key is that of `dragonfly-med deidentify`, so both agree. Not
covered: text burned into a picture outside of those bands (`app.review` withholds such pictures from researchers).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.errors import Refused
from app.wiring import Services
from app.wording import sentence
from dicom.dates import offset_of, shifted
from dicom.descriptors import cleaned
from dicom.profile import Options
from dicom.text import clean
from dicom.uids import patient_of, pseudonym_of

PSEUDONYMISED = Options(
    dates="shift",
    keep_characteristics=True,
    clean_descriptors=True,
    clean_pixels=True,
    keyed_pseudonym=True,
)
PURPOSE = "deidentified"
"""Of the site's key: new UIDs, pseudonyms and days come from it, here and on the command line."""
NAMED = 4
"""Most attributes named in a refusal."""


def secret_of(services: Services) -> bytes:
    """What new UIDs, pseudonyms and moved dates of this site are derived from."""
    return services.database.keyring.secret(PURPOSE)


def admitted(services: Services, rule: str, path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """A received file as the rule lets it in, and what it then says of itself; raises Refused, DicomError.

    path: of the file on scratch, which is written anew without identity where the rule says so
    """
    if rule == "keep":
        return facts
    if rule == "refuse" or facts["kind"] == "slide":
        _refuse_identity(services, path, facts)
        return facts
    data, _ = services.decoder.deidentify(path, secret_of(services), PSEUDONYMISED)
    path.write_bytes(data)
    return services.decoder.inspect(path)


def _refuse_identity(services: Services, path: Path, facts: Mapping[str, Any]) -> None:
    found = [one["attribute"] for one in services.decoder.told(path) if one["identifies"]]
    if facts.get("burned_in_annotation") == "YES":
        found.append("BurnedInAnnotation")
    if found:
        more = ", …" if len(found) > NAMED else ""
        raise Refused("identity.in_file", attributes=", ".join(found[:NAMED]) + more)


def described(services: Services, rule: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """What a person said of pictures without headers, as the rule lets it in; raises Refused."""
    if rule == "keep":
        return dict(details)
    if rule == "refuse":
        if details.get("patient_name") or details.get("birth_date"):
            raise Refused("identity.in_details")
        # What is typed as the number is the pseudonym, and stands as the name too.
        return {**details, "patient_name": details.get("patient_id")}
    secret = secret_of(services)
    name, number = (clean(details.get(one)) for one in ("patient_name", "patient_id"))
    patient = patient_of("", number, name)
    called = pseudonym_of(patient, secret) if patient else ""
    day = str(details.get("study_date") or "").replace("-", "")
    return {
        **details,
        "patient_name": called,
        "patient_id": called,
        "birth_date": "",
        "study_date": (shifted(day, offset_of(patient, secret)) or "") if patient else "",
        # A specimen's number leads back to the patient as surely as the patient's own.
        "specimen": "",
        "each": [{**one, "specimen": ""} for one in details.get("each") or ()],
        "description": cleaned(str(details.get("description") or ""), [name, number]),
    }


class Copies:
    """What became of the files of an export, by the numbers of their order; no name of a file, for it may name a patient."""

    def __init__(self) -> None:
        self.written = 0
        self.removed: Counter[tuple[str, str]] = Counter()
        self.refused: list[dict[str, Any]] = []
        self.suspect: list[str] = []

    def add(self, name: str, removed: Iterable[Mapping[str, str]], *, suspect: bool) -> None:
        """A copy was written under this name; suspect: text may be burned into it."""
        self.written += 1
        self.removed.update({(one["attribute"], one["action"]) for one in removed})
        if suspect:
            self.suspect.append(name)

    def refuse(self, number: int, code: str, text: str = "") -> None:
        """A file was left out."""
        self.refused.append({"file": number, "code": code, "sentence": text or sentence(code, "en")})

    def as_json(self) -> dict[str, Any]:
        """The report that goes with the copies."""
        removed = [
            {"attribute": attribute, "action": action, "files": files}
            for (attribute, action), files in sorted(self.removed.items())
        ]
        return {
            "written": self.written,
            "refused": self.refused,
            "removed": removed,
            "may_hold_text": self.suspect,
        }
