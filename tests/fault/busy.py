"""A reader who works over HTTP, one kind of work at a time, and notes only what the server acknowledged."""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from app.auth import Caller
from app.demo import drawn_files, load
from app.wiring import SYSTEM, open_services
from storage import reports, studies, tokens, users, worklist
from storage.verifier import verify
from tests.browser.house import PASSWORD, House
from tests.samples import ct_series

PHASES = {
    "upload": "serve",
    "decode": "serve",
    "infer": "work",
    "draft": "work",
    "edit": "serve",
    "sign": "serve",
    "export": "serve",
    "checkpoint": "serve",
}
"""Each kind of work, and the process that does it."""
GUESS_SECONDS = {"upload": 0.3, "decode": 1.0, "infer": 1.5, "draft": 3.0, "export": 1.0}
SLICES = 6
_NUMBERS = count(1)


class NotDone(Exception):
    """The server did not do it, or is gone; it is begun anew."""


@dataclass
class Base:
    """What lies there before: for each kind of work a study of its own, and who does it."""

    clinician: str
    auditor: str
    asked: tuple[str, dict[str, Any]]
    drafted: tuple[str, dict[str, Any]]
    edited: tuple[str, str]


@dataclass
class Reader:
    """Does the kind of work it is told, again and again."""

    address: str
    base: Base
    folder: Path
    phase: str = ""
    """What is under way at this moment; empty between two."""
    target: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    lasted: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    may: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    def work(self) -> None:
        """Until told to stop; a server that is down is asked again."""
        timeout = httpx.Timeout(60, connect=2)
        with httpx.Client(base_url=self.address, timeout=timeout) as client:
            while not self.ended.is_set():
                if not self.may.wait(0.2) or not self.target:
                    continue
                try:
                    getattr(self, f"_{self.target}")(client)
                except (httpx.HTTPError, NotDone):
                    self.ended.wait(0.1)
                except BaseException as error:
                    self.failure = error
                    return

    @contextmanager
    def _during(self, phase: str) -> Iterator[None]:
        self.phase, began = phase, time.monotonic()
        try:
            yield
            self.lasted[phase].append(time.monotonic() - began)
        finally:
            self.phase = ""

    def typical_seconds(self, phase: str) -> float:
        """How long this kind of work took in the middle, or a guess at first."""
        known = sorted(self.lasted[phase])
        return known[len(known) // 2] if known else GUESS_SECONDS.get(phase, 0.2)

    def _upload(self, client: httpx.Client, phase: str = "upload") -> str:
        number = next(_NUMBERS)
        files = ct_series(SLICES, 64, study=f"9{number}", patient_id=f"KILLED-{number}")
        with self._during("upload" if phase == "upload" else "preparing"):
            body = {"files": len(files), "bytes": sum(map(len, files))}
            upload_id = self._ask(client, "POST", "/api/uploads", json=body)["upload_id"]
            for place, data in enumerate(files):
                self._ask(client, "PUT", f"/api/uploads/{upload_id}/files/{place}", content=data)
        with self._during("decode" if phase == "decode" else "preparing"):
            self._ask(client, "POST", f"/api/uploads/{upload_id}/finish", json={})
            found = self._settled(client, f"/api/uploads/{upload_id}", ("receiving", "reading"))
        if found["state"] != "done":
            raise NotDone
        study_id: str = found["studies"][0]["study_id"]
        self.told += [{"study": study_id, "file": hashlib.sha256(data).hexdigest()} for data in files]
        return study_id

    def _decode(self, client: httpx.Client) -> None:
        self._upload(client, "decode")

    def _infer(self, client: httpx.Client) -> None:
        study_id, view = self.base.asked
        body = {"question": "Is the heart enlarged?", "view": view}
        with self._during("infer"):
            asked = self._ask(client, "POST", f"/api/studies/{study_id}/questions", json=body)["answer_id"]
            self.told.append({"study": study_id, "asked": [asked]})
            self._answered(client, study_id, [asked])

    def _draft(self, client: httpx.Client) -> None:
        study_id, view = self.base.drafted
        with self._during("draft"):
            begun = self._ask(client, "POST", f"/api/studies/{study_id}/report", json={"view": view})
            self.told.append({"study": study_id, "asked": begun["answer_ids"]})
            self._answered(client, study_id, begun["answer_ids"])

    def _answered(self, client: httpx.Client, study_id: str, ids: list[str]) -> None:
        for answer_id in ids:
            self._settled(client, f"/api/answers/{answer_id}", ("waiting", "running"))
        self.told.append({"study": study_id, "answered": ids})

    def _edit(self, client: httpx.Client) -> None:
        study_id, report_id = self.base.edited
        text = f"Line {next(_NUMBERS)}."
        with self._during("edit"):
            version = self._ask(client, "GET", f"/api/studies/{study_id}/report")["version"]
            body = {"version": version, "sections": {"findings": text}}
            kept = self._ask(client, "PUT", f"/api/reports/{report_id}", json=body)["version"]
        self.told.append({"study": study_id, "report": report_id, "version": kept, "text": text})

    def _sign(self, client: httpx.Client) -> None:
        study_id = self._upload(client, "preparing")
        with self._during("preparing"):
            view = self._view(client, study_id)
            begun = self._ask(client, "POST", f"/api/studies/{study_id}/report", json={"view": view})
            self._answered(client, study_id, begun["answer_ids"])
            now = self._ask(client, "GET", f"/api/studies/{study_id}/report")
            typed = {"findings": "Clear.", "impression": "Clear."}
            body = {"version": now["version"], "sections": typed}
            version = self._ask(client, "PUT", f"/api/reports/{now['id']}", json=body)["version"]
            lines = self._ask(client, "GET", f"/api/reports/{now['id']}/checklist")["checklist"]
        seen = [one["code"] for one in lines if one["level"] == "warn"]
        with self._during("sign"):
            signed = {"version": version, "password": PASSWORD, "acknowledged": seen}
            self._ask(client, "POST", f"/api/reports/{now['id']}/sign", json=signed)
        self.told.append({"study": study_id, "report": now["id"], "signed": version})

    def _export(self, client: httpx.Client) -> None:
        with self._during("export"):
            paper = self._raw(client, "GET", f"/api/reports/{self.base.edited[1]}/pdf").content
        self.told.append({"paper": hashlib.sha256(paper).hexdigest()})

    def _checkpoint(self, client: httpx.Client) -> None:
        with self._during("checkpoint"):
            log = self._raw(client, "GET", "/api/audit/export", secret=self.base.auditor).content
        file = self.folder / "log.jsonl"
        file.write_bytes(log)
        key = self._raw(client, "GET", "/api/audit/public-key", secret=self.base.auditor).content
        verdict = verify(file, key)
        assert verdict.status == 0, verdict
        # "Tree hash R at size N." is the anchor that an auditor takes home.
        self.told.append({"size": verdict.entries, "root": verdict.lines[-1].split()[2]})

    def _view(self, client: httpx.Client, study_id: str) -> dict[str, Any]:
        series = self._ask(client, "GET", f"/api/studies/{study_id}")["series"][0]
        frames = self._ask(client, "GET", f"/api/series/{series['series_id']}/manifest")["frames"]
        return {"instance_id": frames[0]["instance_id"], "frame": 0}

    def _settled(self, client: httpx.Client, address: str, under_way: tuple[str, ...]) -> dict[str, Any]:
        end = time.monotonic() + 120
        while time.monotonic() < end and not self.ended.is_set():
            found = self._ask(client, "GET", address)
            if found["state"] not in under_way:
                return found
            time.sleep(0.1)
        raise NotDone

    def _ask(self, client: httpx.Client, method: str, address: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._raw(client, method, address, **more).json()
        return found

    def _raw(
        self, client: httpx.Client, method: str, address: str, secret: str = "", **more: Any
    ) -> httpx.Response:
        if not self.may.is_set():
            raise NotDone
        headers = {"authorization": f"Bearer {secret or self.base.clinician}"}
        answer = client.request(method, address, headers=headers, **more)
        if answer.status_code == 429:
            # A password whose judgement a kill ended counts as a wrong one, and after several its owner has to wait.
            self.ended.wait(answer.json()["error"]["facts"]["seconds"])
            raise NotDone
        if answer.status_code >= 400:
            # A refusal would be the reader's own fault, unless its upload or version was overtaken by a kill.
            assert answer.status_code in (404, 409, 500, 503), (answer.status_code, answer.text)
            raise NotDone
        return answer


def opened_reader(house: House, folder: Path) -> Reader:
    """Drawn studies of one clinician, a report begun, and tokens to work with."""
    services = open_services(house.settings)
    services.settings.scratch.mkdir(exist_ok=True, mode=0o700)
    with services.database.read(SYSTEM) as tx:
        people = {one.username: one for one in users.everyone(tx)}
    caller = Caller(user=people["dr.lee"], csrf=None, digest=None, ip="")
    load(services, caller, drawn_files())
    secrets = []
    with services.database.write(caller.actor) as tx:
        lines = [one.study for one in worklist.listed(tx, caller.user.id)]
        seen = [(one.id, _view(tx, one)) for one in lines if one.modality == "DX"]
        other = next(one for one in lines if one.modality == "SM")
        report = reports.create(tx, other, {"sections": {"findings": []}})
        for username in ("dr.lee", "auditor"):
            owner = people[username].id
            scope: tokens.Scope = "export" if username == "auditor" else "write"
            made = tokens.add(tx, owner, label="test", lifetime=timedelta(days=1), scope=scope)
            secrets.append(made[0])
    services.close()
    base = Base(secrets[0], secrets[1], seen[0], seen[1], (other.id, report.id))
    return Reader(house.address, base, folder)


def _view(tx: Any, study: studies.Study) -> dict[str, Any]:
    return {"instance_id": studies.series(tx, study)[0].instances[0].id, "frame": 0}
