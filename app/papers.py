"""Is this paper ours, unaltered, and the latest? Asked with the digest of a file, or with the code printed on it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.auth import Caller
from app.wiring import Services
from storage.audit import papers
from storage.audit.papers import Noted
from storage.database import Tx
from storage.rows import ReportRow, ReportVersionRow

Verdict = Literal[
    "genuine", "superseded", "altered", "unknown", "code_known", "code_superseded", "code_wrong"
]
CODE = re.compile(
    r"(?:/PAPER/|DRAGONFLY:)1:([0-9A-F]{32}):([0-9]{1,9}):([0-9A-F]{64}):([0-9]{1,12}):([0-9A-F]{64})"
)
"""Upper case and digits: a QR code holds a third more of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What the printed code says: report, version, digest of its content, and where the record stood."""

    report_id: str
    version: int
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known of a paper."""

    verdict: Verdict
    kind: Literal["report", "answer", ""] = ""
    left: Noted | None = None
    newer: Noted | None = None
    version: int | None = None
    signed_at: datetime | None = None


def code_text(address: str, code: Code, size: int, root: str) -> str:
    """The printed code: an address that leads to the page of papers; without an address only its facts."""
    start = f"{address}/PAPER/" if address else "DRAGONFLY:"
    facts = (code.report_id, code.version, code.content_sha256, size, root)
    return (start + "1:" + ":".join(map(str, facts))).upper()


def parse(text: str) -> Code | None:
    """The code in a text, None where there is none."""
    found = CODE.search(text.upper())
    if found is None:
        return None
    return Code(report_id=found[1].lower(), version=int(found[2]), content_sha256=found[3].lower())


def check(services: Services, caller: Caller, sha256: str, code: str) -> Checked:
    """What the record says; that it was asked stands in it too.

    sha256: of the file, empty when there is only a code; code: as printed, or as it lies in the file
    """
    with services.database.look(caller.actor) as tx:
        known = parse(code)
        found = _by_file(tx, sha256, known) if sha256 else _by_code(tx, known)
        tx.record(
            "paper.checked",
            object_type=found.kind or None,
            object_id=_of(found, known),
            paper_sha256=sha256 or None,
            verdict=found.verdict,
        )
    return found


def _by_file(tx: Tx, sha256: str, code: Code | None) -> Checked:
    left = papers.left(tx.session, sha256)
    if left is None:
        report = tx.session.get(ReportRow, code.report_id) if code else None
        return Checked(verdict="altered", kind="report") if report else Checked(verdict="unknown")
    if left.action == "answer.exported":
        return Checked(verdict="genuine", kind="answer", left=left)
    newer = papers.newer(tx.session, left)
    report = tx.session.get(ReportRow, left.object_id)
    return Checked(
        verdict="superseded" if newer else "genuine",
        kind="report",
        left=left,
        newer=newer,
        version=report.version if report else None,
        signed_at=report.signed_at if report else None,
    )


def _by_code(tx: Tx, code: Code | None) -> Checked:
    if code is None:
        return Checked(verdict="code_wrong")
    version = tx.session.get(ReportVersionRow, (code.report_id, code.version))
    report = tx.session.get(ReportRow, code.report_id)
    if report is None or version is None or version.sha256 != code.content_sha256:
        return Checked(verdict="code_wrong")
    # The code says nothing of addenda: whether one came later than the paper, only its file can tell.
    later = report.state == "amended" or report.version > code.version
    return Checked(
        verdict="code_superseded" if later else "code_known",
        kind="report",
        version=code.version,
        signed_at=report.signed_at,
    )


def _of(found: Checked, code: Code | None) -> str | None:
    if found.left is not None:
        return found.left.object_id
    return code.report_id if code and found.kind else None
