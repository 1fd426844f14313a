"""The bill of a release: every part that an installation runs, with version, licence, digests and what it needs.

Python packages come from the lock (names, versions, digests) and their own metadata (licence, needs); packages that
are bundled in the page from `app/static/licences.txt`; fonts, table and weights by their files. CycloneDX 1.6, the
same bytes for the same commit.
"""

import hashlib
import importlib.metadata as metadata
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")
BUNDLED = re.compile(r"^(\S+) (\d\S*)\nLicence: ([^\n]+)$", re.MULTILINE)
FILES = (
    ("Noto Sans KR", "2.004", "OFL-1.1", "storage/pdf/fonts/*.ttf"),
    ("PS3.15 table E.1-1", "2024e", "MIT", "dicom/basic_profile.csv"),
    ("Dragonfly-Med demonstration weights", "2", "Apache-2.0", "model/demo/weights/*.safetensors"),
)
SPACE = uuid.UUID("6f1c6c0e-4f1b-5c0e-9d4b-2b7d9b1f4a57")
licences = LicenseFactory()


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    digests: tuple[str, ...]


def pins(lock: str) -> Iterator[Pin]:
    """Every package of a lock with the digests of all its files."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", "\n" + lock):
        found = PIN.match(block.lstrip("\n"))
        if found:
            yield Pin(str(canonicalize_name(found[1])), found[2], tuple(DIGEST.findall(block)))


def make(root: Path, version: str, locks: Iterable[str], when: datetime) -> str:
    """The bill as JSON; locks: the text of each lock of the release."""
    every = {pin.name: pin for lock in locks for pin in pins(lock)}
    whole = Component(
        type=ComponentType.APPLICATION, name="dragonfly-med", version=version, bom_ref="dragonfly-med"
    )
    whole.licenses.add(licences.make_with_expression("Apache-2.0"))
    bill = Bom(serial_number=uuid.uuid5(SPACE, version + when.isoformat() + repr(sorted(every.items()))))
    bill.metadata.timestamp = when
    bill.metadata.component = whole
    python = {name: python_part(pin) for name, pin in sorted(every.items())}
    others = [*bundled((root / "app/static/licences.txt").read_text(encoding="utf-8")), *files(root)]
    for part in [*python.values(), *others]:
        bill.components.add(part)
    for name, part in python.items():
        bill.register_dependency(part, [python[need] for need in needs(name) if need in python])
    bill.register_dependency(
        whole, [*(python[need] for need in needs("dragonfly-med") if need in python), *others]
    )
    return str(JsonV1Dot6(bill).output_as_string(indent=1)) + "\n"


def python_part(pin: Pin) -> Component:
    """A package of the lock; its licence where it is installed here, as its own metadata states it."""
    part = Component(
        type=ComponentType.LIBRARY,
        name=pin.name,
        version=pin.version,
        purl=PackageURL("pypi", None, pin.name, pin.version),
        bom_ref=f"pkg:pypi/{pin.name}@{pin.version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.digests],
    )
    words = licence_of(pin.name)
    if words:
        part.licenses.add(stated(words))
    return part


def licence_of(name: str) -> str | None:
    """The licence that a package's metadata states, None for one that is not installed or says nothing."""
    try:
        facts = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    short = (facts.get("License") or "").strip()
    kinds = [
        one.rsplit(" :: ", 1)[-1] for one in facts.get_all("Classifier") or [] if one.startswith("License ::")
    ]
    return (
        facts.get("License-Expression")
        or (short if short and len(short) < 60 else "")
        or " AND ".join(kinds)
        or None
    )


def stated(words: str) -> License:
    """As an expression or name of SPDX where it is one, else word by word."""
    return licences.make_from_string(words)


def needs(name: str) -> list[str]:
    """What an installed package needs on this machine, without its extras; of this project with those it is run with."""
    extras = ("web", "worker") if name == "dragonfly-med" else ("",)
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    wanted = [Requirement(line) for line in lines]
    return sorted(
        {
            str(canonicalize_name(one.name))
            for one in wanted
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
        }
    )


def bundled(text: str) -> Iterator[Component]:
    """The packages that the page's script holds."""
    for name, version, words in BUNDLED.findall(text):
        scope, _, short = name.rpartition("/")
        purl = PackageURL("npm", scope or None, short, version)
        part = Component(
            type=ComponentType.LIBRARY,
            name=short,
            group=scope or None,
            version=version,
            purl=purl,
            bom_ref=purl.to_string(),
        )
        part.licenses.add(stated(words))
        yield part


def files(root: Path) -> Iterator[Component]:
    """What is bundled as a file, with its digest."""
    for name, version, words, pattern in FILES:
        for file in sorted(root.glob(pattern)):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            part = Component(
                type=ComponentType.MACHINE_LEARNING_MODEL
                if file.suffix == ".safetensors"
                else ComponentType.FILE,
                name=f"{name}: {file.name}",
                version=version,
                bom_ref=file.relative_to(root).as_posix(),
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )
            part.licenses.add(stated(words))
            yield part
