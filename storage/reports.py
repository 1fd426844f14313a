"""Reports: drafted, edited version by version, signed once, added to; a signed text never changes.

The content of a version is plain JSON: each section a list of sentences with who wrote it (model, edited,
person), so that this survives signing. Its digest is what a signature, an audit entry and the paper name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from storage.audit.canonical import canonical
from storage.database import Tx, new_id, sha256_of
from storage.errors import AlreadySigned, Conflict, NotFound, NotSigned
from storage.rows import AddendumRow, ReportRow, ReportVersionRow
from storage.studies import Study

State = Literal["draft", "preliminary", "final", "amended"]
SIGNED = ("final", "amended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addendum:
    """What was added after signing."""

    number: int
    text: str
    sha256: str
    signed_by: str
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version in the history."""

    version: int
    sha256: str
    author_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report at its latest version."""

    id: str
    study_id: str
    state: State
    version: int
    content: dict[str, Any]
    sha256: str
    updated_by: str
    updated_at: datetime
    signed_by: str | None
    signed_at: datetime | None
    addenda: tuple[Addendum, ...]

    @property
    def is_signed(self) -> bool:
        """Whether its text can no longer change."""
        return self.state in SIGNED


def create(tx: Tx, study: Study, content: Mapping[str, Any]) -> Report:
    """The first draft of a study's report; raises Conflict when there is one."""
    if tx.session.execute(select(ReportRow.id).where(ReportRow.study_id == study.id)).first():
        raise Conflict(object="report")
    row = ReportRow(
        id=new_id(),
        study_id=study.id,
        state="draft",
        version=1,
        created_by=tx.actor.id,
        created_at=tx.now,
        signed_by=None,
        signed_at=None,
        signed_version=None,
    )
    tx.session.add(row)
    tx.session.flush()
    digest = _keep_version(tx, study, row, content)
    tx.record(
        "report.drafted", subject=study.patient_ref, object_type="report", object_id=row.id, after=digest
    )
    return _report(tx, row, study)


def save(tx: Tx, study: Study, report_id: str, expected_version: int, content: Mapping[str, Any]) -> Report:
    """The next version; the same content again is no new version.

    raises: Conflict(version) when somebody saved meanwhile, AlreadySigned
    """
    row = _row(tx, study, report_id)
    _unsigned(row)
    if row.version != expected_version:
        raise Conflict(object="report", version=row.version)
    before = _version(tx, row.id, row.version)
    if before.sha256 == sha256_of(canonical(dict(content))):
        return _report(tx, row, study)
    row.version += 1
    after = _keep_version(tx, study, row, content)
    tx.record(
        "report.edited",
        subject=study.patient_ref,
        object_type="report",
        object_id=row.id,
        before=before.sha256,
        after=after,
        version=row.version,
    )
    return _report(tx, row, study)


def set_preliminary(tx: Tx, study: Study, report_id: str, expected_version: int) -> Report:
    """Let others see it as preliminary: written, not yet signed."""
    row = _row(tx, study, report_id)
    _unsigned(row)
    if row.version != expected_version:
        raise Conflict(object="report", version=row.version)
    row.state = "preliminary"
    tx.record("report.preliminary", subject=study.patient_ref, object_type="report", object_id=row.id)
    return _report(tx, row, study)


def sign(tx: Tx, study: Study, report_id: str, expected_version: int, acknowledged: list[str]) -> Report:
    """Sign this version as the person of this change; who checked the password is the caller.

    raises: Conflict(version) when another version is the latest, AlreadySigned
    """
    row = _row(tx, study, report_id)
    _unsigned(row)
    if row.version != expected_version:
        raise Conflict(object="report", version=row.version)
    row.state, row.signed_by, row.signed_at, row.signed_version = "final", tx.actor.id, tx.now, row.version
    tx.record(
        "report.signed",
        subject=study.patient_ref,
        object_type="report",
        object_id=row.id,
        after=_version(tx, row.id, row.version).sha256,
        version=row.version,
        acknowledged=acknowledged,
    )
    return _report(tx, row, study)


def add_addendum(tx: Tx, study: Study, report_id: str, text: str) -> Report:
    """Add to a signed report; the signed text stays. Raises NotSigned."""
    row = _row(tx, study, report_id)
    if row.state not in SIGNED:
        raise NotSigned()
    number = len(_addendum_rows(tx, row.id)) + 1
    digest = sha256_of(text)
    tx.session.add(
        AddendumRow(
            report_id=row.id,
            number=number,
            text=tx.seal(study.patient_id, text.encode(), f"{row.id}:addendum:{number}"),
            sha256=digest,
            signed_by=tx.actor.id,
            signed_at=tx.now,
        )
    )
    tx.session.flush()
    row.state = "amended"
    tx.record(
        "report.addendum",
        subject=study.patient_ref,
        object_type="report",
        object_id=row.id,
        number=number,
        after=digest,
    )
    return _report(tx, row, study)


def of_study(tx: Tx, study: Study) -> Report | None:
    """The report of a study, or None when none was begun."""
    row = tx.session.execute(select(ReportRow).where(ReportRow.study_id == study.id)).scalar_one_or_none()
    return _report(tx, row, study) if row else None


def get(tx: Tx, study: Study, report_id: str) -> Report:
    """A report of a study; raises NotFound."""
    return _report(tx, _row(tx, study, report_id), study)


def study_of(tx: Tx, report_id: str) -> str:
    """The study a report belongs to; raises NotFound."""
    row = tx.session.get(ReportRow, report_id)
    if row is None:
        raise NotFound(object="report")
    return row.study_id


def signed(tx: Tx) -> list[tuple[str, str]]:
    """Report and study ids of everything signed, oldest first: what researchers may review."""
    query = (
        select(ReportRow.id, ReportRow.study_id)
        .where(ReportRow.state.in_(SIGNED))
        .order_by(ReportRow.signed_at)
    )
    return [(report_id, study_id) for report_id, study_id in tx.session.execute(query)]


def versions(tx: Tx, report_id: str) -> list[Version]:
    """The history, oldest first."""
    query = (
        select(ReportVersionRow)
        .where(ReportVersionRow.report_id == report_id)
        .order_by(ReportVersionRow.version)
    )
    return [
        Version(version=row.version, sha256=row.sha256, author_id=row.author_id, created_at=row.created_at)
        for row in tx.session.execute(query).scalars()
    ]


def content_of(tx: Tx, study: Study, report_id: str, version: int) -> dict[str, Any]:
    """The content of one version; raises NotFound."""
    row = _version(tx, report_id, version)
    found: dict[str, Any] = json.loads(tx.unseal(study.patient_id, row.content, f"{report_id}:{version}"))
    return found


def _keep_version(tx: Tx, study: Study, row: ReportRow, content: Mapping[str, Any]) -> str:
    data = canonical(dict(content))
    digest = sha256_of(data)
    tx.session.add(
        ReportVersionRow(
            report_id=row.id,
            version=row.version,
            content=tx.seal(study.patient_id, data, f"{row.id}:{row.version}"),
            sha256=digest,
            author_id=tx.actor.id,
            created_at=tx.now,
        )
    )
    tx.session.flush()
    return digest


def _unsigned(row: ReportRow) -> None:
    if row.state in SIGNED:
        raise AlreadySigned()


def _row(tx: Tx, study: Study, report_id: str) -> ReportRow:
    row = tx.session.get(ReportRow, report_id)
    if row is None or row.study_id != study.id:
        raise NotFound(object="report")
    return row


def _version(tx: Tx, report_id: str, version: int) -> ReportVersionRow:
    row = tx.session.get(ReportVersionRow, (report_id, version))
    if row is None:
        raise NotFound(object="version")
    return row


def _addendum_rows(tx: Tx, report_id: str) -> list[AddendumRow]:
    query = select(AddendumRow).where(AddendumRow.report_id == report_id).order_by(AddendumRow.number)
    return list(tx.session.execute(query).scalars())


def _report(tx: Tx, row: ReportRow, study: Study) -> Report:
    latest = _version(tx, row.id, row.version)
    return Report(
        id=row.id,
        study_id=row.study_id,
        state=row.state,  # type: ignore[arg-type]
        version=row.version,
        content=content_of(tx, study, row.id, row.version),
        sha256=latest.sha256,
        updated_by=latest.author_id,
        updated_at=latest.created_at,
        signed_by=row.signed_by,
        signed_at=row.signed_at,
        addenda=tuple(
            Addendum(
                number=one.number,
                text=tx.unseal(study.patient_id, one.text, f"{row.id}:addendum:{one.number}").decode(),
                sha256=one.sha256,
                signed_by=one.signed_by,
                signed_at=one.signed_at,
            )
            for one in _addendum_rows(tx, row.id)
        ),
    )
