"""The demonstration: people, drawn studies as real DICOM, web and worker, on SQLite in one folder."""

import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.auth import Caller
from app.intake import Intake
from app.settings import Settings
from app.wiring import SYSTEM, Services, open_services
from dicom.drawn import dicom_of
from model.demo.phantoms import draw_phantom, hounsfield
from storage import users
from storage.users import Role

PEOPLE: tuple[tuple[str, str, Role], ...] = (
    ("dr.lee", "Dr. Lee (demonstration)", "clinician"),
    ("dr.park", "Dr. Park (demonstration)", "clinician"),
    ("researcher", "Researcher One", "researcher"),
    ("researcher2", "Researcher Two", "researcher"),
    ("admin", "Administrator", "admin"),
    ("auditor", "Auditor", "auditor"),
)
ROOT = "2.25.200211"


def drawn_files() -> Iterator[bytes]:
    """A handful of studies: two chest radiographs, a CT of eight slices, a histology field."""
    chest = (
        ("7", "PHANTOM^Alba", "DEMO-0001", "19610314", "F"),
        ("13", "홍길동=洪吉童=", "DEMO-0002", "19580101", "M"),
    )
    for seed, name, number, born, sex in chest:
        phantom = draw_phantom("chest", int(seed))
        header = _header(name, number, born, sex, "1", int(seed), "Chest PA (drawn)", "CHEST")
        # The window that leaves 8 bits as they are: without one, the darkest pixel of the file would turn black.
        window = {"WindowCenter": 128, "WindowWidth": 256}
        yield dicom_of(
            phantom.pixels[..., 0],
            "DX",
            {**header, **window, "ViewPosition": "PA", "ImagerPixelSpacing": [0.9, 0.9]},
        )
    for place in range(8):
        phantom = draw_phantom("ct", 21 + place)
        header = _header(
            "PHANTOM^Boreal", "DEMO-0003", "19701224", "M", "1", 300, "CT abdomen (drawn)", "ABDOMEN"
        )
        yield dicom_of(
            hounsfield(phantom),
            "CT",
            {
                **header,
                "SOPInstanceUID": f"{ROOT}.300.1.{place + 1}",
                "InstanceNumber": place + 1,
                "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
                "ImagePositionPatient": [-172.8, -172.8, 5.0 * place],
                "PixelSpacing": [0.9, 0.9],
                "SliceThickness": 5.0,
                "WindowCenter": 50,
                "WindowWidth": 400,
                "WindowCenterWidthExplanation": "ABDOMEN",
            },
        )
    phantom = draw_phantom("histology", 5)
    header = _header(
        "PHANTOM^Cirrus", "DEMO-0004", "19850607", "F", "1", 400, "Histology field (drawn)", "COLON"
    )
    yield dicom_of(phantom.pixels, "SM", {**header, "PixelSpacing": [0.0005, 0.0005]})


def _header(
    name: str, number: str, born: str, sex: str, series: str, study: int, described: str, part: str
) -> dict[str, Any]:
    return {
        "PatientName": name,
        "PatientID": number,
        "PatientBirthDate": born,
        "PatientSex": sex,
        "StudyInstanceUID": f"{ROOT}.{study}",
        "SeriesInstanceUID": f"{ROOT}.{study}.{series}",
        "SOPInstanceUID": f"{ROOT}.{study}.{series}.1",
        "StudyDate": "20261122",
        "StudyTime": "140500",
        "StudyDescription": described,
        "SeriesDescription": described,
        "SeriesNumber": int(series),
        "InstanceNumber": 1,
        "AccessionNumber": f"DRAWN-{study}",
        "BodyPartExamined": part,
        "InstitutionName": "Synthetic",
    }


def prepare(services: Services, password: str) -> None:
    """People and studies, the first time."""
    with services.database.read(SYSTEM) as tx:
        if users.count(tx):
            return
    for username, display_name, role in PEOPLE:
        with services.database.write(SYSTEM) as tx:
            user = users.add(
                tx,
                services.passwords,
                username=username,
                display_name=display_name,
                role=role,
                password=password,
            )
        if username == "dr.lee":
            load(services, Caller(user=user, csrf=None, digest=None, ip=""), drawn_files())


def load(services: Services, caller: Caller, files: Iterator[bytes]) -> None:
    """Take files in just as an upload would."""
    intake = Intake(services)
    found = list(files)
    upload_id = intake.begin(caller, len(found), sum(map(len, found)))
    receiving = intake.uploads[upload_id]
    for number, data in enumerate(found):
        (receiving.folder / f"{number:06d}").write_bytes(data)
        intake.took(receiving, number, len(data), hashlib.sha256(data).hexdigest())
    intake.finish(receiving, None)
    intake.close()
    if receiving.state != "done":
        raise ValueError(f"The drawn studies could not be loaded: {receiving.refused}")


def run(settings: Settings, folder: Path) -> int:
    """Make what is missing, start web and worker, print where to go; ends both when it is interrupted."""
    folder = folder.resolve()
    settings = settings.model_copy(update={"data_dir": folder})
    kept = folder / "password.txt"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(f"drawn-{secrets.token_hex(4)}\n")
    password = kept.read_text().strip()
    services = open_services(settings)
    (folder / "scratch").mkdir(exist_ok=True, mode=0o700)
    prepare(services, password)
    services.close()
    environment = {**os.environ, "DRAGONFLY_DATA_DIR": str(folder), "DRAGONFLY_PORT": str(settings.port)}
    parts = [
        subprocess.Popen(
            [sys.executable, "-m", "app", verb], env=environment, cwd=Path(__file__).parent.parent
        )
        for verb in ("work", "serve")
    ]
    _tell(settings, password)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(part.poll() is None for part in parts):
            time.sleep(0.5)
        return 1
    finally:
        for part in parts:
            part.terminate()
        for part in parts:
            part.wait(40)


def _tell(settings: Settings, password: str) -> None:
    lines = [
        "",
        f"Dragonfly-Med demonstration: {settings.address}",
        "The model is a demonstration: it knows drawings and nothing about patients.",
        f"Sign in as one of these, password {password}",
        *(f"  {username:<12} {role}" for username, _, role in PEOPLE),
        "Stop with Ctrl-C.",
        "",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
