"""The state of the service, what it is made of, the record, and papers that are checked."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from app.shapes import Sha256, Time, exact
from app.shapes.answers import ModelFacts


@exact
class Status(TypedDict):
    """Whether somebody answers, and how many wait."""

    workers: int
    waiting: int


@exact
class Software(TypedDict):
    """Something the service is made of."""

    name: str
    licence: str


@exact
class Weights(TypedDict):
    """Weights that may be served."""

    name: str
    licence: str
    note: str


@exact
class About(TypedDict):
    """Version, licences of software and weights, and the model that answers now."""

    version: str
    software: list[Software]
    weights: list[Weights]
    model: ModelFacts | None


@exact
class Memory(TypedDict):
    """Bytes; 0 where the device does not say."""

    weights: int
    device_used: int
    device_total: int
    kept: NotRequired[int]
    """Pictures and answers that are kept for the next question."""


@exact
class WorkerState(TypedDict):
    """A worker, as it says of itself."""

    id: str
    alive: bool
    seconds_silent: int
    started_at: Time
    model: ModelFacts
    device: str
    pace_ms: int
    pid: int
    node: str
    memory: Memory
    last_error: str | None


@exact
class Disk(TypedDict):
    """Bytes."""

    free: int
    total: int


@exact
class SystemState(TypedDict):
    """Workers, line, disk, record."""

    workers: list[WorkerState]
    waiting: int
    disk: Disk
    audit_entries: int
    database: str
    pace_ms: int


@exact
class Alive(TypedDict):
    """The process lives, or is ready, or its database is away."""

    status: Literal["alive", "ready", "away"]
    code: NotRequired[str]


@exact
class EntryActor(TypedDict):
    """Who did it, with the name of staff beside the id."""

    id: str
    role: str
    session: str | None
    auth: str | None
    ip: str | None
    name: str | None


@exact
class EntryObject(TypedDict):
    """What it was done to, and its digests before and after."""

    type: str | None
    id: str | None
    sha256_before: str | None
    sha256_after: str | None


# The one shape that is open: an entry is answered as it was signed, with the counts and digests of its action.
@with_config(extra="allow", use_attribute_docstrings=True)
class Entry(TypedDict):
    """An entry of the record as it was written, patients as pseudonyms; further facts by action."""

    v: int
    log: str
    seq: int
    id: str
    time: Time
    action: str
    code: str
    outcome: str
    actor: EntryActor
    subject: str | None
    object: EntryObject
    reason: str | None


@exact
class Checkpoint(TypedDict):
    """What was signed: so many entries, with this tree hash."""

    log: str
    size: int
    root: Sha256
    time: Time
    epoch: int
    previous: str


# Open as `Entry` is: its very bytes are what the proof is about.
@with_config(extra="allow", use_attribute_docstrings=True)
class SealedEntry(TypedDict):
    """An entry of the record as its leaf hash covers it."""

    log: str
    seq: int
    id: str
    time: Time
    action: str


@exact
class Continuation(TypedDict):
    """Hashes that lead from the tree hash of the first entries to one that was signed."""

    format: Literal["dragonfly-continuation-1"]
    size: int
    proof: list[Sha256]
    checkpoint: Checkpoint
    signature: str


@exact
class Receipt(TypedDict):
    """An entry, and the hashes that lead from it to a tree hash that was signed."""

    format: Literal["dragonfly-receipt-1"]
    entry: SealedEntry
    proof: list[Sha256]
    checkpoint: Checkpoint
    signature: str


@exact
class Entries(TypedDict):
    """Entries, newest first; cursor: where to go on."""

    entries: list[Entry]
    cursor: int | None
    actions: list[str]


@exact
class LogVerdict(TypedDict):
    """Whether the record is as it was written."""

    verdict: Literal["clean", "tampered", "cannot_tell"]
    entries: int
    lines: list[str]


@exact
class NotedPaper(TypedDict):
    """An entry about a paper."""

    entry: int
    time: Time
    action: str


@exact
class PaperSeal(TypedDict):
    """Level and certificate of the digital signature that a paper left with."""

    level: str
    certificate_sha256: Sha256


@exact
class PaperChecked(TypedDict):
    """What the record knows of a paper."""

    verdict: Literal[
        "genuine", "superseded", "altered", "unknown", "code_known", "code_superseded", "code_wrong"
    ]
    kind: Literal["report", "answer", ""]
    left: NotedPaper | None
    newer: NotedPaper | None
    seal: PaperSeal | None
    version: int | None
    signed_at: Time | None
