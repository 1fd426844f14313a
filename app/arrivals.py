"""Files of an upload, read while the others are still on their way: when the last one is here, most are done."""

from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.wiring import Services
from dicom import mirax
from dicom.errors import DicomError
from storage.durable import file_sha256


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read: what it says of itself, and its digest."""

    path: Path
    facts: dict[str, Any]
    sha256: str


Outcome = Read | DicomError


@dataclass
class Ahead:
    """What becomes of the files of one upload, by their places on scratch; a file that comes again begins anew."""

    outcomes: "dict[Path, Future[Outcome]]" = field(default_factory=dict)


class Arrivals:
    """Reads files in limited processes, as few at once as uploads may take."""

    def __init__(self, services: Services):
        self.services = services
        # What arrives never gets the last decoding process, so more threads would only wait.
        self._threads = ThreadPoolExecutor(max(1, services.settings.decoders - 1), "arrival")

    def close(self) -> None:
        """Begin no further file."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def begin(self, ahead: Ahead, path: Path, sha256: str) -> None:
        """Read a file that arrived whole; it is read again should it be sent once more."""
        ahead.outcomes[path] = self._threads.submit(self.read, path, sha256)

    def read(self, path: Path, sha256: str = "") -> Outcome:
        """What one file is, or why it cannot be taken; sha256: where it is known already."""
        try:
            if mirax.is_mirax(path):
                sha256 = mirax.digest_of(path)
            facts = self.services.decoder.inspect(path, sha256)
        except DicomError as error:
            return error
        return Read(path, facts, sha256 or file_sha256(path))

    def outcome(self, ahead: Ahead, path: Path) -> Outcome:
        """What was read of a file as it arrived; of one from an archive, or that could not be looked at then, now."""
        begun = ahead.outcomes.pop(path, None)
        if begun is not None:
            with suppress(OSError, RuntimeError, CancelledError):
                return begun.result()
        return self.read(path)
