"""A study to a ZIP of copies without identity, written while it is sent: no more than one file is in memory.

Copies lie under numbers, series by series; the last entry, report.json, says what was done to how many files, which
pictures may still have text burned into them, and what was left out and why. Not covered: slides, of which OpenSlide
can write no copy without their label; they are left out and the report says so.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from app.auth import Caller
from app.identity import Copies, secret_of
from app.wiring import Services
from dicom.errors import DicomError
from dicom.profile import Options
from storage import studies
from storage.studies import Study

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The moment of every entry: when somebody exported what is nobody's business."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A kept file, and the place of its copy in the archive without its ending."""

    place: str
    sha256: str
    kind: str
    suspect: bool


def begin(services: Services, caller: Caller, study_id: str, options: Options) -> Iterator[bytes]:
    """The pieces of the archive; that it leaves is in the record before the first of them does.

    raises: NotFound for a study of somebody else
    """
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id)
        key = tx.patient_key(study.patient_id)
        sources = [
            _Source(
                f"{number:02d}/{place:06d}",
                one.file_sha256,
                str(one.facts.get("kind")),
                bool(one.facts.get("may_hold_text") or one.facts.get("text_lines")),
            )
            for number, series in enumerate(studies.series(tx, study), start=1)
            for place, one in enumerate(series.instances, start=1)
        ]
        tx.record(
            "study.export_begun",
            subject=study.patient_ref,
            object_type="study",
            object_id=study_id,
            reason=",".join(options.codes()),
            files=len(sources),
        )
    return _pieces(services, caller, study, key, sources, options)


def _pieces(
    services: Services, caller: Caller, study: Study, key: bytes, sources: list[_Source], options: Options
) -> Iterator[bytes]:
    sink, copies, secret = _Sink(), Copies(), secret_of(services)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for number, one in enumerate(sources, start=1):
            if one.kind == "slide":
                copies.refuse(number, "identity.slide")
                continue
            try:
                file = services.files.read(key, study.patient_id, one.sha256)
                data, removed = services.decoder.deidentify(file, secret, options)
            except DicomError as error:
                copies.refuse(number, error.code)
                continue
            name = f"{one.place}{'.png' if data.startswith(b'PNG', 1) else '.dcm'}"
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
            copies.add(name, removed, suspect=one.suspect or one.kind == "photo")
            yield sink.taken()
        report = json.dumps(copies.as_json(), indent=1)
        archive.writestr(zipfile.ZipInfo("report.json", EPOCH), report)
    # Before the last piece leaves: whoever has the archive whole stands in the record.
    with services.database.write(caller.actor) as tx:
        tx.record(
            "study.exported",
            subject=study.patient_ref,
            object_type="study",
            object_id=study.id,
            output_sha256=sink.digest.hexdigest(),
            bytes=sink.size,
            written=copies.written,
            refused=len(copies.refused),
        )
    yield sink.taken()


class _Sink:
    """What the archive writes into: handed on piece by piece, and never gone back in."""

    def __init__(self) -> None:
        self.size, self.digest = 0, hashlib.sha256()
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to give back."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data
