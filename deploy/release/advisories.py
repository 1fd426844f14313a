"""Which parts of a release have known flaws, from files alone: data of the OSV project carried in by hand.

    .venv/bin/python deploy/release/advisories.py dist/bill.cdx.json PyPI.zip npm.zip

The bill is what `make release` writes. The zips are OSV's exports of all advisories for an ecosystem, one JSON file
for each (`all.zip` of PyPI and of npm, renamed); nothing is fetched. What was looked at and does not concern this
application stands in `accepted.toml` with its reason and a last day. Exit status: 0 nothing known, 1 flaws,
2 not found out: no data for an ecosystem, data older than thirty days, or a version nobody can compare.
"""

import json
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

ACCEPTED = Path(__file__).with_name("accepted.toml")
OLDEST = timedelta(days=30)
ECOSYSTEMS = {"pkg:pypi/": "PyPI", "pkg:npm/": "npm"}
TELLING = ("ECOSYSTEM", "SEMVER")
"""Ranges over versions; those over commits say nothing of a release."""


class CannotTell(Exception):
    """What stands in the way of an answer."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the release, as its ecosystem names it."""

    ecosystem: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """An advisory that concerns a part."""

    part: Part
    id: str
    aliases: tuple[str, ...]
    summary: str
    fixed: tuple[str, ...]


def parts_of(bill: dict[str, Any]) -> list[Part]:
    """The parts of a bill that an ecosystem publishes advisories for."""
    found = []
    for component in bill["components"]:
        purl = component.get("purl", "")
        for prefix, ecosystem in ECOSYSTEMS.items():
            if purl.startswith(prefix):
                name = purl.removeprefix(prefix).rsplit("@", 1)[0].replace("%40", "@")
                found.append(Part(ecosystem, name, component["version"]))
    return found


def advisories_in(archive: Path) -> Iterator[dict[str, Any]]:
    """Every advisory of an export; raises CannotTell for what is none."""
    try:
        with zipfile.ZipFile(archive) as entries:
            for name in entries.namelist():
                if name.endswith(".json"):
                    yield json.loads(entries.read(name))
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise CannotTell(f"{archive} is no export of OSV: a zip of JSON files is expected.") from error


def check(parts: Iterable[Part], advisories: Iterable[dict[str, Any]], today: date) -> list[Flaw]:
    """The flaws of these parts.

    raises: CannotTell for an ecosystem without data, for data that is older than thirty days, and for versions that
    cannot be compared
    """
    wanted: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        wanted.setdefault((part.ecosystem, plain(part.name)), []).append(part)
    newest: dict[str, date] = {}
    found = []
    for advisory in advisories:
        modified = datetime.fromisoformat(advisory["modified"]).astimezone(UTC).date()
        for affected in advisory.get("affected", ()):
            package = affected.get("package") or {}
            ecosystem = package.get("ecosystem", "")
            newest[ecosystem] = max(modified, newest.get(ecosystem, modified))
            for part in wanted.get((ecosystem, plain(package.get("name", ""))), ()):
                if "withdrawn" not in advisory and concerns(affected, part):
                    found.append(flaw(advisory, affected, part))
    for ecosystem in sorted({ecosystem for ecosystem, _ in wanted}):
        if ecosystem not in newest:
            raise CannotTell(f"No advisory for {ecosystem} was given: carry in OSV's export for it.")
        if today - newest[ecosystem] > OLDEST:
            raise CannotTell(f"The newest advisory for {ecosystem} is of {newest[ecosystem]}: too old.")
    return sorted(set(found), key=lambda one: (one.part.ecosystem, one.part.name, one.id))


def plain(name: str) -> str:
    """A name as an index compares it (PEP 503); npm's names are lower case already."""
    return name if name.startswith("@") else re.sub(r"[-_.]+", "-", name).lower()


def concerns(affected: dict[str, Any], part: Part) -> bool:
    """Whether a version is listed or lies in a range (OSV schema, "Evaluation")."""
    if part.version in affected.get("versions", ()):
        return True
    ranges = [one for one in affected.get("ranges", ()) if one.get("type") in TELLING]
    return any(lies_in(one["events"], part) for one in ranges)


def lies_in(events: list[dict[str, str]], part: Part) -> bool:
    """The last event at or before a version decides."""
    version, inside = comparable(part.version, part), False
    for at, kind in sorted(
        ((comparable(at, part), kind) for event in events for kind, at in event.items() if kind != "limit"),
        key=lambda pair: (pair[0], pair[1] != "introduced"),
    ):
        if kind == "introduced" and at <= version:
            inside = True
        elif (kind == "fixed" and at <= version) or (kind == "last_affected" and at < version):
            inside = False
    return inside


def comparable(version: str, part: Part) -> Version:
    """A version that can be ordered; raises CannotTell."""
    try:
        return Version(version)
    except InvalidVersion as error:
        raise CannotTell(f"{part.name} {part.version}: version {version!r} cannot be compared.") from error


def flaw(advisory: dict[str, Any], affected: dict[str, Any], part: Part) -> Flaw:
    """What is told of it."""
    fixed = {
        event["fixed"]
        for one in affected.get("ranges", ())
        if one.get("type") in TELLING
        for event in one["events"]
        if "fixed" in event
    }
    summary = advisory.get("summary") or advisory.get("details", "").split("\n")[0][:120]
    return Flaw(part, advisory["id"], tuple(advisory.get("aliases", ())), summary, tuple(sorted(fixed)))


def accepted(file: Path, today: date) -> dict[str, str]:
    """Advisories that do not concern this application, with the reason; one that is past its day counts again."""
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("accepted", [])
    return {one["id"]: one["reason"] for one in entries if one["until"] >= today}


def told(flaws: list[Flaw], excused: dict[str, str]) -> tuple[list[str], int]:
    """The lines to print, and how many flaws are not excused."""
    lines, open_flaws = [], 0
    for one in flaws:
        reason = next((excused[name] for name in (one.id, *one.aliases) if name in excused), None)
        open_flaws += reason is None
        fixed = f"fixed in {', '.join(one.fixed)}" if one.fixed else "not fixed yet"
        verdict = f"accepted: {reason}" if reason else fixed
        lines.append(f"{one.part.name} {one.part.version}: {one.id} {one.summary} ({verdict})")
    return lines, open_flaws


def main(words: list[str]) -> int:
    """Read, compare, print."""
    if len(words) < 2:
        print("advisories.py BILL ZIP [ZIP ...]: without OSV's exports nothing can be said.", file=sys.stderr)
        return 2
    today = datetime.now(UTC).date()
    try:
        parts = parts_of(json.loads(Path(words[0]).read_text(encoding="utf-8")))
        everything = (one for archive in words[1:] for one in advisories_in(Path(archive)))
        lines, open_flaws = told(check(parts, everything, today), accepted(ACCEPTED, today))
    except CannotTell as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join([*lines, f"{len(parts)} parts, {open_flaws} known flaws that are not accepted."]))
    return 1 if open_flaws else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
