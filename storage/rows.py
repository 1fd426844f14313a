"""The tables, and nothing but the tables.

Whatever names or describes a patient is a sealed column (bytes, AES-256-GCM under the patient's own
key), so that destroying one row of `patient_keys` erases the person from every table at once.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables of the application; the job engine keeps its own beside them."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Moment,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        bytes: LargeBinary,
    }


Id = String(32)
Digest = String(64)


class UserRow(Base):
    """A person who signs in, with exactly one role."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    username: Mapped[str] = mapped_column(String(120), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(300))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    language: Mapped[str] = mapped_column(String(8), default="en")
    theme: Mapped[str] = mapped_column(String(8), default="system")
    panel_width: Mapped[int] = mapped_column(Integer, default=440)
    created_at: Mapped[datetime]


class ProviderNameRow(Base):
    """By which lasting name a hospital's provider knows a person, as a keyed digest."""

    __tablename__ = "provider_names"
    digest: Mapped[str] = mapped_column(Digest, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), unique=True)


class SignInTryRow(Base):
    """Wrong passwords of one account from one network, for the growing delay."""

    __tablename__ = "sign_in_tries"
    account_digest: Mapped[str] = mapped_column(Digest, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime]


class SessionRow(Base):
    """A signed-in browser; only the digest of its token is kept."""

    __tablename__ = "sessions"
    token_sha256: Mapped[str] = mapped_column(Digest, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    device: Mapped[str] = mapped_column(String(120), default="", server_default="")
    ip: Mapped[str] = mapped_column(String(64), default="", server_default="")
    waiting: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    grant_sha256: Mapped[str | None] = mapped_column(Digest)
    """Of the token by which the session may take one thing away."""
    grant_target: Mapped[str | None] = mapped_column(Digest)
    grant_until: Mapped[datetime | None]


class SecondFactorRow(Base):
    """The sealed secret of an authenticator, and the last half minute whose code was taken."""

    __tablename__ = "second_factors"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    secret: Mapped[bytes]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)


class RecoveryCodeRow(Base):
    """A code that stands in for the authenticator once; only its keyed digest is kept."""

    __tablename__ = "recovery_codes"
    digest: Mapped[str] = mapped_column(Digest, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    used_at: Mapped[datetime | None]


class TokenRow(Base):
    """A token for programs; only the digest of its secret is kept."""

    __tablename__ = "api_tokens"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    label: Mapped[str] = mapped_column(String(120))
    scope: Mapped[str] = mapped_column(String(8))
    prefix: Mapped[str] = mapped_column(String(16))
    secret_sha256: Mapped[str] = mapped_column(Digest, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PatientRow(Base):
    """A patient of one owner, known by a keyed pseudonym; the identity is sealed."""

    __tablename__ = "patients"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    ref: Mapped[str] = mapped_column(Digest)
    identity: Mapped[bytes]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("owner_id", "ref"),)


class PatientKeyRow(Base):
    """The patient's key, wrapped under the site key; deleting this row erases the patient."""

    __tablename__ = "patient_keys"
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.id"), primary_key=True)
    wrapped: Mapped[bytes]
    created_at: Mapped[datetime]


class FileRow(Base):
    """A sealed file of a patient, named by the digest of its plaintext."""

    __tablename__ = "files"
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(Digest, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class StudyRow(Base):
    """One examination; what can name or describe the patient is in the sealed facts."""

    __tablename__ = "studies"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.id"), index=True)
    uid_digest: Mapped[str] = mapped_column(Digest)
    modality: Mapped[str] = mapped_column(String(16))
    urgent: Mapped[bool] = mapped_column(Boolean, default=False)
    pictures: Mapped[int] = mapped_column(Integer, default=0)
    facts: Mapped[bytes]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("owner_id", "uid_digest"),)


class SeriesRow(Base):
    """Instances in scan order."""

    __tablename__ = "series"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), index=True)
    key_digest: Mapped[str] = mapped_column(Digest)
    position: Mapped[int] = mapped_column(Integer)
    modality: Mapped[str] = mapped_column(String(16))
    findings: Mapped[list[Any]]
    facts: Mapped[bytes]


class InstanceRow(Base):
    """One file of a series and what was read from its header."""

    __tablename__ = "instances"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), index=True)
    series_id: Mapped[str] = mapped_column(ForeignKey("series.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    sop_digest: Mapped[str] = mapped_column(Digest)
    file_sha256: Mapped[str] = mapped_column(Digest, index=True)
    frames: Mapped[int] = mapped_column(Integer)
    facts: Mapped[bytes]


class MarkRow(Base):
    """A measurement or box a reader drew."""

    __tablename__ = "marks"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), index=True)
    instance_id: Mapped[str] = mapped_column(ForeignKey("instances.id"))
    frame: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    geometry: Mapped[bytes]
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class AnswerRow(Base):
    """What was asked of the model and what it said; the same id as the work that produced it."""

    __tablename__ = "answers"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), index=True)
    report_id: Mapped[str | None] = mapped_column(ForeignKey("reports.id"))
    kind: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(12), index=True)
    asked_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    question: Mapped[bytes | None]
    answer: Mapped[bytes | None]
    view: Mapped[dict[str, Any]]
    prompt: Mapped[dict[str, Any]]
    sampling: Mapped[dict[str, Any]]
    model: Mapped[dict[str, Any] | None]
    outcome: Mapped[dict[str, Any] | None]
    boxes: Mapped[list[Any] | None]
    failure: Mapped[str | None] = mapped_column(String(60))
    urgent: Mapped[bool] = mapped_column(Boolean, default=False)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class ReportRow(Base):
    """The report of a study; its text lies sealed in its versions."""

    __tablename__ = "reports"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), unique=True)
    state: Mapped[str] = mapped_column(String(12))
    version: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    signed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    signed_at: Mapped[datetime | None]
    signed_version: Mapped[int | None] = mapped_column(Integer)


class ReportVersionRow(Base):
    """One version of a report, written once."""

    __tablename__ = "report_versions"
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[bytes]
    sha256: Mapped[str] = mapped_column(Digest)
    author_id: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]


class AddendumRow(Base):
    """What was added to a signed report, signed itself."""

    __tablename__ = "addenda"
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[bytes]
    sha256: Mapped[str] = mapped_column(Digest)
    signed_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    signed_at: Mapped[datetime]


class ReviewRow(Base):
    """A researcher's judgement of a signed report."""

    __tablename__ = "reviews"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), index=True)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    rating: Mapped[int] = mapped_column(Integer)
    comment: Mapped[bytes]
    seconds: Mapped[int] = mapped_column(Integer)
    edit_distance: Mapped[int] = mapped_column(Integer)
    marks: Mapped[list[Any]]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("report_id", "reviewer_id"),)


class ReleaseRow(Base):
    """What a clinician let researchers see although it was held back."""

    __tablename__ = "releases"
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    item: Mapped[str] = mapped_column(String(60), primary_key=True)
    released_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    released_at: Mapped[datetime]


class ErasureRow(Base):
    """A request to erase a patient, known by the pseudonym; reasons are codes, never words."""

    __tablename__ = "erasures"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    ref: Mapped[str] = mapped_column(Digest, index=True)
    reason: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(12))
    asked_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]


class HoldRow(Base):
    """A patient who may not be erased until it is lifted."""

    __tablename__ = "holds"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    ref: Mapped[str] = mapped_column(Digest, index=True)
    reason: Mapped[str] = mapped_column(String(24))
    placed_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    placed_at: Mapped[datetime]
    lifted_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    lifted_at: Mapped[datetime | None]


class UploadRow(Base):
    """How far an upload got; file names are never kept."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WorkerRow(Base):
    """When a worker was last heard of and what it carries."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]


class AuditEventRow(Base):
    """One entry: the exact bytes that were hashed, and their place in the keyed chain."""

    __tablename__ = "audit_event"
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes]
    mac: Mapped[bytes]


class AuditCheckpointRow(Base):
    """A signed statement of how long the log was and what its tree hash was."""

    __tablename__ = "audit_checkpoint"
    size: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    body: Mapped[bytes]
    sig: Mapped[bytes]


class AuditHeadRow(Base):
    """The locked end of the log: its size, key epoch, Merkle frontier and last chain value."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    log: Mapped[str] = mapped_column(Id)
    size: Mapped[int] = mapped_column(Integer)
    epoch: Mapped[int] = mapped_column(Integer)
    front: Mapped[bytes]
    mac: Mapped[bytes]
    sealed_size: Mapped[int] = mapped_column(Integer)
    sealed_at: Mapped[datetime]
    sealed_digest: Mapped[str] = mapped_column(Digest)
    last_at: Mapped[datetime | None]


class ClosedPaperRow(Base):
    """What closed logs knew of papers: which left, and what was signed or added; searched, never the proof."""

    __tablename__ = "closed_papers"
    log: Mapped[str] = mapped_column(Id, primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str | None] = mapped_column(String(64), index=True)
    sha256: Mapped[str | None] = mapped_column(Digest, index=True)


class AuditIndexRow(Base):
    """For searching only, rebuilt from the entries at will; the proof never depends on it."""

    __tablename__ = "audit_index"
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(120), index=True)
    role: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(60), index=True)
    outcome: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str | None] = mapped_column(Digest)
    object_type: Mapped[str | None] = mapped_column(String(40))
    object_id: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (Index("audit_index_time", "time"), Index("audit_index_subject", "subject"))
