"""A release in `dist/`: source, wheel, locks with digests, bill of parts, sums; then the check for known flaws.

    make release ADVISORIES="PyPI.zip npm.zip"

It wants a clean working tree, so that what is released is what is committed. Exit status: 0 released, 1 a part has
a known flaw, 2 it could not be told or made.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import advisories
import bill

ROOT = Path(__file__).parent.parent.parent
OUT = ROOT / "dist"
UV = Path(sys.executable).parent / "uv"
LOCKS = {"web": ("web",), "worker": ("web", "worker")}
"""What is locked: a machine that only serves pages, and one that runs everything."""


def run(*words: str | Path, **environment: str) -> bytes:
    """What a program prints; raises CalledProcessError."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout


def lock(extras: tuple[str, ...], out: Path) -> str:
    """The pins of constraints.txt for these extras with the digests of every published file of each."""
    chosen = [word for extra in extras for word in ("--extra", extra)]
    run(
        *(
            UV,
            "pip",
            "compile",
            "pyproject.toml",
            *chosen,
            "--constraint",
            "constraints.txt",
            "--python-version",
        ),
        *("3.11", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--output-file", out),
    )
    return out.read_text(encoding="utf-8")


def main(archives: list[str]) -> int:
    """Make everything, then say what is known of it."""
    if run("git", "status", "--porcelain"):
        print(
            "The working tree has changes: commit them, so that the release is what was committed.",
            file=sys.stderr,
        )
        return 2
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    moment = int(run("git", "log", "-1", "--format=%ct"))
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    source = run("git", "archive", f"--prefix=dragonfly-med-{version}/", "HEAD")
    (OUT / f"dragonfly-med-{version}.tar.gz").write_bytes(gzip.compress(source, mtime=moment))
    run(UV, "build", "--wheel", "--quiet", "--out-dir", OUT, SOURCE_DATE_EPOCH=str(moment))
    (OUT / ".gitignore").unlink(missing_ok=True)
    locks = [lock(extras, OUT / f"requirements-{name}.txt") for name, extras in LOCKS.items()]
    when = datetime.fromtimestamp(moment, UTC)
    (OUT / "bill.cdx.json").write_text(bill.make(ROOT, version, locks, when), encoding="utf-8")
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in sorted(OUT.iterdir())]
    (OUT / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    parts = len(json.loads((OUT / "bill.cdx.json").read_text(encoding="utf-8"))["components"])
    print(f"{OUT.name}/: {len(sums)} files, {parts} parts in the bill.")
    return advisories.main([str(OUT / "bill.cdx.json"), *archives])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
