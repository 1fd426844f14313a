"""Bytes to study: receive, read in the limited process, group, seal, record.

What arrives lies on scratch under generated names until it is read; then only sealed files remain. Reading
runs in a thread of its own, so that an upload never holds up a page.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from threading import Lock
from typing import Any

import structlog

from app import headerless, identity, pyramids, quotas, slides
from app.arrivals import Arrivals, Read
from app.auth import Caller
from app.errors import Refused
from app.grouping import new_study
from app.lens import Lens
from app.receiving import Receiving, media_of
from app.wiring import SYSTEM, Services
from dicom.errors import DicomError
from dicom.media import walk
from dicom.series import Member
from storage import patients, studies, uploads
from storage.database import Tx
from storage.durable import file_sha256
from storage.errors import StorageError, UnrecordedChange, WrongPatient
from storage.files import StoredFile

log = structlog.get_logger()
SEALERS = 4
PATIENCE = timedelta(hours=1)
"""An upload nobody sends to and nobody describes for this long is given up; its plaintext leaves the disk."""
PARTS_PATIENCE = timedelta(hours=24)
"""The same of one whose files come in parts: a slide that broke off in the evening is gone on with in the morning."""


class Intake:
    """All uploads of this process."""

    def __init__(self, services: Services):
        self.services = services
        self.uploads: dict[str, Receiving] = {}
        self._lock = Lock()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="intake")
        self._arrivals = Arrivals(services)
        # A disk that must say that it has written is waited for by several at once.
        self._sealers = ThreadPoolExecutor(SEALERS, thread_name_prefix="sealing")

    def close(self) -> None:
        """Finish what is being read."""
        self._arrivals.close()
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._sealers.shutdown(wait=True)

    def begin(
        self,
        caller: Caller,
        files: int,
        size: int,
        *,
        look_first: bool = False,
        sizes: Sequence[int] = (),
        parts: Mapping[int, str] | None = None,
    ) -> str:
        """Open an upload; raises Refused over the limits.

        look_first: the person wants to see what the files tell of the patient before anything is kept
        sizes: of each file, where large ones are to come in parts
        parts: of files that are one slide together, the slide's number and the file's name in it
        """
        settings = self.services.settings
        most = settings.upload_slide_bytes if sizes else settings.upload_bytes
        if not 0 < files <= settings.upload_files:
            raise Refused("app.upload_too_large", what="files", limit=settings.upload_files)
        if not 0 <= size <= most:
            raise Refused("app.upload_too_large", what="bytes", limit=most)
        if sizes and (len(sizes) != files or sum(sizes) != size):
            raise Refused("app.invalid", what="sizes")
        # Before it is wiped from scratch it lies sealed beside it.
        if sizes and shutil.disk_usage(settings.data_dir).free < 2 * size:
            raise Refused("storage.disk_full")
        with self.services.database.write(caller.actor) as tx:
            quotas.before_upload(self.services, tx, size)
            upload = uploads.begin(tx, files=files, size=size)
        folder = self.services.settings.scratch / upload.id
        folder.mkdir(parents=True, mode=0o700)
        self.uploads[upload.id] = Receiving(
            upload.id,
            caller,
            folder,
            {"files": files, "bytes": size},
            self.services.database.clock(),
            settings.identity,
            Lens() if look_first else None,
            tuple(sizes),
            dict(parts or {}),
        )
        return upload.id

    def unfinished(self, caller: Caller) -> list[Receiving]:
        """The caller's uploads that may be gone on with: those whose files come in parts, oldest first."""
        found = [one for one in self.uploads.values() if one.caller.user.id == caller.user.id]
        return [one for one in found if one.sizes and one.state == "receiving"]

    def mine(self, caller: Caller, upload_id: str) -> Receiving:
        """The caller's upload while this process knows it; raises NotFound, Refused."""
        with self.services.database.read(caller.actor) as tx:
            uploads.get(tx, upload_id, caller.user.id)
        found = self.uploads.get(upload_id)
        if found is None:
            raise Refused("app.upload_state")
        found.heard_at = self.services.database.clock()
        return found

    def took(self, receiving: Receiving, number: int, size: int, sha256: str) -> None:
        """Note that a file arrived whole, and begin to read it while the others arrive."""
        with self._lock:
            receiving.received[number] = size
        if number not in receiving.named:
            self._arrivals.begin(receiving.ahead, receiving.folder / f"{number:06d}", sha256)

    def refused(self, receiving: Receiving, code: str) -> None:
        """Note in the record that something of an upload was not taken."""
        with self.services.database.write(receiving.caller.actor) as tx:
            tx.record(
                "upload.refused", object_type="upload", object_id=receiving.id, outcome="failure", reason=code
            )

    def give_up_silent(self) -> None:
        """Discard uploads that nobody sends to or describes any more."""
        now = self.services.database.clock()
        for one in list(self.uploads.values()):
            patience = PARTS_PATIENCE if one.sizes else PATIENCE
            waits = one.state in ("receiving", "needs_decision", "needs_details")
            if waits and now - one.heard_at > patience:
                self.discard(one)

    def finish(self, receiving: Receiving, study_id: str | None) -> None:
        """Everything is here: read it."""
        with self._lock:
            if receiving.state != "receiving":
                raise Refused("app.upload_state")
            if any(number not in receiving.received for number in receiving.parts):
                raise Refused("app.upload_unfinished")
            receiving.study_id, receiving.state = study_id, "reading"
        self._note(receiving)
        self._readers.submit(self._guarded, receiving, self._read_all)

    def decide(self, receiving: Receiving, *, pseudonymise: bool) -> None:
        """The person has seen what the files tell and lets them in, freed of identity where they say so."""
        with self._lock:
            if receiving.state != "needs_decision":
                raise Refused("app.upload_state")
            if pseudonymise and receiving.rule == "keep":
                receiving.rule = "pseudonymise"
            receiving.state = "reading"
        with self.services.database.write(receiving.caller.actor) as tx:
            uploads.advance(tx, receiving.id, "reading", receiving.progress())
            tx.record("upload.decided", object_type="upload", object_id=receiving.id, reason=receiving.rule)
        self._readers.submit(self._guarded, receiving, self._take_waiting)

    def describe(self, receiving: Receiving, details: Mapping[str, Any]) -> None:
        """What a person says of pictures that have no header; then they are taken in."""
        with self._lock:
            if receiving.state != "needs_details":
                raise Refused("app.upload_state")
            details = identity.described(self.services, receiving.rule, details)
            receiving.state = "reading"
        self._note(receiving)
        with self.services.database.write(receiving.caller.actor) as tx:
            tx.record("upload.described", object_type="upload", object_id=receiving.id)
        self._readers.submit(self._guarded, receiving, lambda one: self._take_pictures(one, details))

    def discard(self, receiving: Receiving) -> None:
        """Forget an upload and remove what arrived of it; a study that was taken in stays."""
        with self._lock:
            if receiving.state == "reading":
                # Its reader sees this before the next file and comes back here.
                receiving.unwanted = True
                return
            receiving.state, receiving.pictures, receiving.waiting = "refused", [], []
        with self.services.database.write(receiving.caller.actor) as tx:
            uploads.advance(tx, receiving.id, "refused", receiving.progress())
            tx.record("upload.discarded", object_type="upload", object_id=receiving.id)
        self._clear(receiving)
        self.uploads.pop(receiving.id, None)

    def _guarded(self, receiving: Receiving, work: Any) -> None:
        """A failure nobody foresaw ends this upload and no other."""
        try:
            work(receiving)
        except Exception as error:
            log.error("upload failed", kind=type(error).__name__, upload_id=receiving.id)
            code = str(getattr(error, "code", "app.error"))
            receiving.refused.append({"n": None, "code": code, "facts": _plain(error)})
            receiving.pictures.clear()
            # The database itself may be what is away: the page must hear of it all the same.
            with suppress(StorageError):
                self.refused(receiving, code)
            self._end(receiving, "done" if receiving.found else "refused")

    def _read_all(self, receiving: Receiving) -> None:
        numbers = [number for number in sorted(receiving.received) if number not in receiving.named]
        files = [receiving.folder / f"{number:06d}" for number in numbers]
        receiving.total = len(files)
        laid = receiving.laid_out()
        numbers += [number for number, _ in laid]
        for media in chain(walk(files, receiving.folder), media_of(laid, len(files))):
            if self._is_unwanted(receiving):
                return
            number = numbers[media.ordinal]
            if media.error is not None or media.path is None:
                self._refuse(receiving, number, media.error or DicomError())
                continue
            found = self._arrivals.outcome(receiving.ahead, media.path)
            # An archive was one file until it was opened.
            receiving.read += 1
            receiving.total = max(receiving.total, receiving.read)
            if not isinstance(found, Read):
                self._refuse(receiving, number, found)
                continue
            if receiving.lens is None:
                self._admit(receiving, number, found)
                continue
            try:
                receiving.lens.add(self.services.decoder.told(media.path), found.facts)
            except DicomError as error:
                self._refuse(receiving, number, error)
            else:
                receiving.waiting.append((number, found))
        if receiving.lens is not None and not receiving.lens.is_empty:
            receiving.state = "needs_decision"
            self._note(receiving)
            return
        self._take_waiting(receiving)

    def _is_unwanted(self, receiving: Receiving) -> bool:
        """Whether its sender wants it no more; it is discarded then."""
        if receiving.unwanted:
            receiving.state = "receiving"
            self.discard(receiving)
        return receiving.unwanted

    def _admit(self, receiving: Receiving, number: int, found: Read) -> None:
        """Let one file in under the rule about identity, or refuse it with its reason."""
        try:
            facts = identity.admitted(self.services, receiving.rule, found.path, found.facts)
        except (DicomError, Refused) as error:
            self._refuse(receiving, number, error)
            return
        if facts["kind"] in ("photo", "slide"):
            receiving.pictures.append((len(receiving.pictures), found.path, facts))
        else:
            # Written anew by the rule, it has another digest.
            let_in = found if facts is found.facts else Read(found.path, facts, file_sha256(found.path))
            receiving.good.append(let_in)

    def _take_waiting(self, receiving: Receiving) -> None:
        """Let in what waited for a decision, and make studies of everything."""
        waiting, receiving.waiting = receiving.waiting, []
        if waiting:
            receiving.read, receiving.total = 0, len(waiting)
        for number, found in waiting:
            if self._is_unwanted(receiving):
                return
            self._admit(receiving, number, found)
            receiving.read += 1
        self._take_studies(receiving, receiving.good)
        if receiving.pictures:
            receiving.state = "needs_details"
            self._note(receiving)
            return
        self._end(receiving, "done" if receiving.found or receiving.duplicates else "refused")

    def _take_studies(self, receiving: Receiving, good: Iterable[Read]) -> None:
        by_handle = {str(number): one for number, one in enumerate(good)}
        members = [Member(handle, one.facts) for handle, one in by_handle.items()]
        for uid in dict.fromkeys(one.facts["study_instance_uid"] for one in by_handle.values()):
            own = {handle: one for handle, one in by_handle.items() if one.facts["study_instance_uid"] == uid}
            try:
                self._take_study(receiving, uid, own, [m for m in members if m.handle in own])
            except (DicomError, StorageError, Refused) as error:
                receiving.refused.append({"n": None, "code": error.code, "facts": _plain(error)})
                self.refused(receiving, error.code)

    def _take_study(
        self, receiving: Receiving, uid: str, files: Mapping[str, Read], members: list[Member]
    ) -> None:
        """Put one study: new files sealed first, then rows and entry in one commit."""
        caller, services = receiving.caller, self.services
        owner = caller.user.id
        first = files[members[0].handle].facts
        whose = dict(first["identity"])
        if any(files[m.handle].facts["identity"]["patient_id"] != whose["patient_id"] for m in members):
            raise Refused("storage.wrong_patient")
        with services.database.write(caller.actor) as tx:
            patient_id = self._patient(tx, receiving, whose, studies.find_by_uid(tx, owner, uid))
            key = tx.patient_key(patient_id)
            known = studies.known_instances(tx, owner, {one.sha256 for one in files.values()})
            tx.record(
                "upload.finished", subject=tx.ref(patient_id), object_type="upload", object_id=receiving.id
            )
        fresh = list({one.sha256: one for one in files.values() if one.sha256 not in known}.values())
        receiving.duplicates += len(files) - len(fresh)

        def keep(one: Read) -> StoredFile:
            with one.path.open("rb") as source:
                file = services.files.keep(key, patient_id, source)
            if file.sha256 != one.sha256:
                # The same number was sent twice at the same moment: what was read is not what lies there.
                raise Refused("app.upload_state")
            return file

        kept = list(self._sealers.map(keep, fresh))
        new = [m for m in members if files[m.handle].sha256 not in known]
        with services.database.read(caller.actor) as tx:
            together = [*self._members_before(tx, owner, uid), *new]
        paths = {handle: one.path for handle, one in files.items()}
        cut = pyramids.known_of(services, (patient_id, key), together, paths, receiving.folder)
        with services.database.write(caller.actor) as tx:
            services.files.note(tx, patient_id, *kept)
            pyramids.note(services, tx, patient_id, cut)
            quotas.after_keeping(services, tx)
            before = self._members_before(tx, owner, uid)
            everything = [*before, *new]
            if not everything:
                tx.record(
                    "study.read", subject=tx.ref(patient_id), object_type="upload", object_id=receiving.id
                )
                return
            digests = {m.handle: files[m.handle].sha256 for m in members} | {
                m.handle: m.handle.removeprefix(pyramids.OLD) for m in before
            }
            study_id, _ = studies.put(
                tx, owner, patient_id, new_study(uid, everything, digests, cut), study_id=receiving.study_id
            )
            self._note_identity(tx, receiving, patient_id, study_id, len(kept))
        receiving.found.append(study_id)

    def _patient(self, tx: Tx, receiving: Receiving, whose: Mapping[str, Any], study_id: str | None) -> str:
        """The patient these files belong to; raises WrongPatient before anything of them is kept.

        study_id: a study that has the same UID already
        """
        owner = receiving.caller.user.id
        patient_id = patients.add(tx, owner, whose)
        joined = receiving.study_id or study_id
        if joined is not None and studies.get(tx, joined, owner).patient_id != patient_id:
            raise WrongPatient()
        return patient_id

    def _note_identity(
        self, tx: Tx, receiving: Receiving, patient_id: str, study_id: str, files: int
    ) -> None:
        """Say in the commit of a study by which rule its files were taken in, where it changed or sifted them."""
        if receiving.rule != "keep":
            tx.record(
                "study.identity",
                subject=tx.ref(patient_id),
                object_type="study",
                object_id=study_id,
                reason=receiving.rule,
                files=files,
            )

    def _members_before(self, tx: Tx, owner: str, uid: str) -> list[Member]:
        """The files a study holds already, to be grouped anew together with what comes."""
        study_id = studies.find_by_uid(tx, owner, uid)
        if study_id is None:
            return []
        study = studies.get(tx, study_id, owner)
        return [
            Member(f"{pyramids.OLD}{one.file_sha256}", one.facts)
            for series in studies.series(tx, study)
            for one in series.instances
        ]

    def _take_pictures(self, receiving: Receiving, details: Mapping[str, Any]) -> None:
        """Pictures without headers become one study of the patient a person named."""
        caller, services = receiving.caller, self.services
        with services.database.write(caller.actor) as tx:
            patient_id = self._patient(tx, receiving, headerless.identity_of(details), None)
            key = tx.patient_key(patient_id)
            tx.record(
                "upload.finished", subject=tx.ref(patient_id), object_type="upload", object_id=receiving.id
            )
        kept, further = [], []
        for _, path, facts in receiving.pictures:
            files = slides.kept_files(services, key, patient_id, path)
            told = slides.with_overview(services, key, patient_id, path, facts)
            kept.append((files[0], slides.with_files(told, path, files)))
            further += files[1:]
        with services.database.read(caller.actor) as tx:
            receiving.duplicates += sum(
                studies.instance_known(tx, caller.user.id, file.sha256) is not None for file, _ in kept
            )
        study = headerless.study_of(kept, details, patient_id)
        with services.database.write(caller.actor) as tx:
            services.files.note(tx, patient_id, *further)
            for file, facts in kept:
                services.files.note(tx, patient_id, file)
                slides.note_overview(services, tx, patient_id, facts)
            quotas.after_keeping(services, tx)
            study_id, _ = studies.put(tx, caller.user.id, patient_id, study, study_id=receiving.study_id)
            self._note_identity(tx, receiving, patient_id, study_id, len(kept))
        for (_, path, _), (file, facts) in zip(receiving.pictures, kept, strict=True):
            if "slide" in facts:
                digests = (file.sha256, *facts.get("also", ()))
                glass = slides.Glass(facts["slide"], patient_id, key, digests)
                slides.adopt(services, glass, *slides.files_at(path))
        receiving.found.append(study_id)
        receiving.pictures.clear()
        self._end(receiving, "done")

    def _refuse(self, receiving: Receiving, number: int, error: DicomError | Refused) -> None:
        """One file is refused with its reason, in the page and in the record; the others go on."""
        receiving.refused.append({"n": number, "code": error.code, "facts": _plain(error)})
        self.refused(receiving, error.code)

    def _end(self, receiving: Receiving, state: str) -> None:
        self._clear(receiving)
        receiving.state = state
        with suppress(StorageError):
            self._note(receiving)
            # From here on the rows tell how it ended; an upload that could not be noted is told from memory.
            self.uploads.pop(receiving.id, None)

    def _clear(self, receiving: Receiving) -> None:
        shutil.rmtree(receiving.folder, ignore_errors=True)

    def _note(self, receiving: Receiving) -> None:
        with self.services.database.keep_house(receiving.caller.actor) as tx:
            uploads.advance(tx, receiving.id, receiving.state, receiving.progress())  # type: ignore[arg-type]


def forget_interrupted(services: Services) -> None:
    """After a start: uploads that were under way did not arrive, and say so."""
    # Where nothing was under way there is nothing to record, and so nothing to change.
    with suppress(UnrecordedChange), services.database.write(SYSTEM) as tx:
        uploads.interrupt_unfinished(tx)


def _plain(error: Exception) -> dict[str, Any]:
    """The facts of a refusal that its sentence is filled with."""
    facts: Mapping[str, Any] = getattr(error, "facts", {})
    return {name: value for name, value in facts.items() if isinstance(value, int | str | bool)}
