"""Copies without identity, and what a file is and tells, without the web application."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.identity import PURPOSE, Copies
from app.settings import Settings
from dicom.errors import DicomError
from dicom.guard import Limits
from dicom.media import walk
from dicom.profile import Options
from dicom.sandbox import Decoder
from storage.sealing import Keyring

SECRET_BYTES = 32


def deidentify(settings: Settings, options: Namespace) -> int:
    """Write copies without identity and say on standard output what was done; 1 where something was left out."""
    source, target = options.source, options.target
    if not source.exists():
        raise OSError("There is nothing at the first path.")
    if target.exists():
        raise OSError("There is something at the second path already; nothing is overwritten.")
    secret = _secret(settings, options.secret)
    wanted = Options(dates=options.dates, **{name: getattr(options, name) for name in SWITCHES})
    with (
        Decoder(1, Limits(memory_bytes=settings.decoder_memory_bytes)) as decoder,
        TemporaryDirectory(prefix="dragonfly-") as scratch,
    ):
        report = Copies()
        for number, found in enumerate(walk([source], Path(scratch)), start=1):
            if found.path is None:
                refused = found.error or DicomError()
                report.refuse(number, refused.code, str(refused))
                continue
            try:
                data, removed = decoder.deidentify(found.path, secret, wanted)
                suspect = bool({"burned_in", "may_hold_text"} & set(decoder.scope(found.path)["findings"]))
            except DicomError as error:
                report.refuse(number, error.code, str(error))
                continue
            name = _write(target, data, number, alone=source.is_file() and not _is_archive(source))
            report.add(name, removed, suspect=suspect)
    sys.stdout.write(json.dumps(report.as_json(), indent=1) + "\n")
    if report.suspect:
        sys.stderr.write(
            f"{len(report.suspect)} of {report.written} pictures are of a kind that may have text burned into "
            "the pixels. Look at each of them before it leaves the house.\n"
        )
    return 1 if report.refused or not report.written else 0


SWITCHES = {
    "keep_uids": "leave UIDs as they are",
    "keep_device": "leave what names the device",
    "keep_institution": "leave what names the institution",
    "keep_characteristics": "leave sex, age (up to 89), size and weight",
    "clean_descriptors": "leave the words of descriptions that name nobody",
    "clean_pixels": "blank the bands where devices write whose picture it is",
}
"""Names of `Options` that are on or off, in words."""


def _write(target: Path, data: bytes, number: int, *, alone: bool) -> str:
    """One copy, under a name that nobody gave it; raises OSError rather than overwrite."""
    name = f"{number:06d}{'.png' if data.startswith(b'PNG', 1) else '.dcm'}"
    path = target if alone else target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
    return "1" if alone else name


def _is_archive(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(2) == b"PK"


def _secret(settings: Settings, named: Path | None) -> bytes:
    """The secret that new UIDs come from: of a file, or of this installation; raises ValueError, KeyMissing."""
    if named is None:
        return Keyring.load(settings.site_key_file).secret(PURPOSE)
    secret = named.read_bytes().strip()
    if len(secret) < SECRET_BYTES:
        raise ValueError(f"The secret has {len(secret)} bytes; at least {SECRET_BYTES} are needed.")
    return secret


def inspect(settings: Settings, options: Namespace) -> int:
    """Print what a file is, what was found in it and what the gate says, as JSON; 1 where it is refused."""
    with Decoder(1, Limits(memory_bytes=settings.decoder_memory_bytes)) as decoder:
        try:
            facts = decoder.inspect(options.file)
            told, scope = decoder.told(options.file), decoder.scope(options.file)
        except DicomError as error:
            _print({"readable": False, "code": error.code, "sentence": str(error)})
            return 1
    _print(
        {
            "readable": True,
            **{name: facts[name] for name in PLAIN},
            "windows": [
                {name: window[name] for name in ("center", "width", "function")}
                for window in facts["windows"]
            ],
            **scope,
            "tells": told,
            **({"identity": {name: facts[name] for name in IDENTITY}} if options.identity else {}),
        }
    )
    return 0


def _print(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


PLAIN = ("kind", "rows", "columns", "frames", "samples", "sop_class", "position_mm", "orientation", "spacing_mm",
         "spacing_source", "pixel_aspect", "slice_thickness_mm", "text_lines", "warnings")  # fmt: skip
"""Facts that are numbers, or words of the standard."""
IDENTITY = ("identity", "named", "study", "series", "image_type", "sop_instance_uid", "series_instance_uid",
            "study_instance_uid", "frame_of_reference_uid")  # fmt: skip
"""Facts that hold values of the patient, or free text that may."""
