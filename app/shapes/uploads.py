"""Uploads: how far they got, what was found, what may be gone on with."""

from typing import Literal, NotRequired

from typing_extensions import TypeAliasType, TypedDict

from app.shapes import Sha256, exact
from app.shapes.studies import StudyLine

UploadStage = TypeAliasType(
    "UploadStage",
    Literal["receiving", "reading", "needs_decision", "needs_details", "done", "refused", "interrupted"],
)


@exact
class UploadBegun(TypedDict):
    """Where to send the files."""

    upload_id: str


@exact
class FileReceived(TypedDict):
    """A file that is here whole."""

    received: int
    sha256: Sha256


@exact
class PartReceived(TypedDict):
    """How much of a file is here; whole: with its digest."""

    received: int
    whole: bool
    sha256: NotRequired[Sha256]


@exact
class KeptFile(TypedDict):
    """How much of a file is here, and by what its sender knows it again."""

    n: int
    bytes: int
    kept: int
    whole: bool
    head: str
    head_bytes: int


@exact
class WaitingUpload(TypedDict):
    """An upload that may be gone on with."""

    upload_id: str
    files: list[KeptFile]


@exact
class WaitingUploads(TypedDict):
    """One's own."""

    uploads: list[WaitingUpload]


@exact
class Counted(TypedDict):
    """Files and bytes."""

    files: int
    bytes: int


@exact
class ReadSoFar(TypedDict):
    """Files that were read, of how many."""

    done: int
    total: int


@exact
class WaitingPicture(TypedDict):
    """A picture without a header, which waits for what a person says of it."""

    n: int
    width: int
    height: int
    slide: bool
    thumbnail_url: str


@exact
class RefusedFile(TypedDict):
    """A file that was not taken, and why; n is null where it is not one file's fault."""

    n: int | None
    code: str
    sentence: str


@exact
class Told(TypedDict):
    """What files tell of the patient: which attribute, in how many files; never its value."""

    attribute: str
    kind: str
    identifies: bool
    files: int


@exact
class LensFound(TypedDict):
    """What was found of identity before anything is kept."""

    rule: Literal["keep", "pseudonymise", "refuse"]
    files: int
    naming: int
    told: list[Told]
    suspects: int
    lettered: int
    previews: list[int]


@exact
class UploadState(TypedDict):
    """How far an upload got."""

    state: UploadStage
    received: Counted
    read: ReadSoFar
    studies: list[StudyLine]
    pictures: list[WaitingPicture]
    refused: list[RefusedFile]
    duplicates: int
    lens: LensFound | None
