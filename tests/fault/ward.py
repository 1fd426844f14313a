"""One reader's work through the real web application, and what must be there after whatever happened.

Each round takes a picture in, has a report drafted and answered, edits, signs and prints it and signs the end
of the log; whatever the server acknowledged is noted at once in the trace of the disk.
"""

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from app import intake, jobs, leftovers
from app.settings import Settings
from app.wiring import SYSTEM, open_services
from model.scripted import ScriptedEngine
from storage import answers, reports, studies
from storage.audit import papers
from storage.audit.log import standing
from storage.audit.search import verify_rows
from storage.backup.checking import check_files
from storage.database import Actor, utc_now
from storage.files import FileStore
from storage.rows import FileRow
from storage.users import Passwords
from tests.app.conftest import PASSWORD, World, settled, upload
from tests.fault.disk import Trace
from tests.samples import dicom_bytes

WORKER = Actor(id="worker", role="worker")
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def picture(number: int) -> bytes:
    """A small ramp, of a patient of its own."""
    ramp = (np.arange(48 * 48).reshape(48, 48) * (number + 3) % 251).astype(np.uint8)
    return dicom_bytes(ramp, modality="DX", study=str(number), patient_id=f"PHANTOM-{number}")


@dataclass
class Reader:
    """Somebody who works, and the trace in which their acknowledgements stand."""

    world: World
    browser: TestClient
    trace: Trace

    def told(self, **facts: Any) -> None:
        """An answer of the server arrived: what it promises must outlive any cut from here on."""
        with self.world.services.database.read(SYSTEM) as tx:
            now = standing(tx.session)
        self.trace.acknowledged(log=now.log, size=now.size, root=now.root, **facts)

    def round(self, number: int) -> None:
        """A study from its upload to its paper."""
        data = picture(number)
        study_id = settled(self.browser, upload(self.browser, data))["studies"][0]["study_id"]
        self.told(study=study_id, file=hashlib.sha256(data).hexdigest())
        report = self._drafted(study_id)
        for turn in range(3):
            report = self._ask(
                "PUT",
                f"/api/reports/{report['id']}",
                {
                    "version": report["version"],
                    "sections": {"findings": f"Line {turn}.", "impression": "Clear."},
                },
            )
            self.told(study=study_id, report=report["id"], version=report["version"], text=f"Line {turn}.")
        lines = self.browser.get(f"/api/reports/{report['id']}/checklist").json()["checklist"]
        seen = [one["code"] for one in lines if one["level"] == "warn"]
        body = {"version": report["version"], "password": PASSWORD, "acknowledged": seen}
        self._ask("POST", f"/api/reports/{report['id']}/sign", body)
        self.told(study=study_id, report=report["id"], signed=report["version"])
        paper = self.browser.get(f"/api/reports/{report['id']}/pdf")
        assert paper.status_code == 200, paper.text
        self.told(paper=hashlib.sha256(paper.content).hexdigest())
        self.world.services.database.seal_log()
        self.told()

    def _drafted(self, study_id: str) -> dict[str, Any]:
        series = self.browser.get(f"/api/studies/{study_id}").json()["series"][0]
        frame = self.browser.get(f"/api/series/{series['series_id']}/manifest").json()["frames"][0]
        view = {"instance_id": frame["instance_id"], "frame": 0}
        begun = self._ask("POST", f"/api/studies/{study_id}/report", {"view": view})
        self.told(study=study_id, asked=begun["answer_ids"])
        self._answer()
        self.told(study=study_id, answered=begun["answer_ids"])
        return self.browser.get(f"/api/studies/{study_id}/report").json()

    def _answer(self) -> None:
        """As a worker does, without its process: everything whose turn it is."""
        queue = self.world.client.app.app.state.queue
        worker = jobs.Worker(self.world.services, queue, ScriptedEngine(), WORKER)
        while True:
            with self.world.services.database.read(WORKER) as tx:
                waiting = answers.unfinished(tx)
            begun = [one.workflow_id for one in queue.work_of(waiting) if one.status == "ENQUEUED"]
            if not begun:
                return
            asked = jobs.begin(worker, begun[0])
            assert asked is not None
            jobs.answer(worker, asked, lambda *_: None, threading.Event())

    def _ask(self, method: str, address: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.browser.request(method, address, json=body)
        assert answer.status_code in (200, 202), answer.text
        found: dict[str, Any] = answer.json()
        return found


def complaints(folder: Path, told: list[dict[str, Any]]) -> list[str]:
    """Start on what lies in this folder, and say what of the acknowledged is not there; empty when all is well.

    What ends the start itself is raised.
    """
    settings = Settings(data_dir=folder, decoders=1)
    services = open_services(settings, passwords=CHEAP)
    try:
        intake.forget_interrupted(services)
        leftovers.remove(services, utc_now())
        found = record_complaints(services.database, told)
        with services.database.read(SYSTEM) as tx:
            checked = check_files(tx, services.files)
            found += [f"file {one} is broken" for one in checked.broken]
            found += [f"file {one} is left over" for one in orphans(tx, services.files)]
            for one in told:
                found += complaints_of(tx, one)
        with services.database.write(SYSTEM) as tx:
            tx.record("application.started")
        return found
    finally:
        services.close()


def orphans(tx: Any, files: FileStore) -> list[str]:
    """Sealed files without a row."""
    named = {(row.patient_id, row.sha256) for row in tx.session.query(FileRow)}
    lying = {(one.parent.name, one.name) for one in files.root.glob("*/*")}
    return sorted(name for _, name in lying - named)


def record_complaints(database: Any, told: list[dict[str, Any]]) -> list[str]:
    """Whether the record verifies with the escrowed key and every anchor that somebody took home."""
    first = bytes.fromhex(database.audit_keys.escrow.read_text())
    anchors = {one["size"]: one["root"] for one in told if "size" in one}
    with database.read(SYSTEM) as tx:
        verdict = verify_rows(tx.session, database.audit_keys.public_pem, first, anchors)
    return [] if verdict.status == 0 else list(verdict.lines)


def complaints_of(tx: Any, one: dict[str, Any]) -> list[str]:
    """What of one acknowledgement is not so."""
    try:
        if "paper" in one:
            return [] if papers.left(tx.session, one["paper"]) else [f"the paper {one['paper']} is not known"]
        if "study" not in one:
            return []
        study = studies.get(tx, one["study"], None)
        if "file" in one:
            kept = tx.session.get(FileRow, (study.patient_id, one["file"]))
            return [] if kept else [f"the file {one['file']} is not noted"]
        for answer_id in one.get("asked", []):
            answers.get(tx, study, answer_id)
        states = [answers.get(tx, study, answer_id).state for answer_id in one.get("answered", [])]
        if any(state != "done" for state in states):
            return [f"answered, but now {states}"]
        if "text" in one:
            content = reports.content_of(tx, study, one["report"], one["version"])
            told = [row["text"] for row in content["sections"]["findings"]]
            return [] if told == [one["text"]] else [f"version {one['version']} says {told}"]
        if "signed" in one:
            report = reports.get(tx, study, one["report"])
            return [] if report.is_signed and report.version == one["signed"] else ["the signature is gone"]
    except Exception as error:
        return [f"{type(error).__name__}: {error} {one}"]
    return []
