"""A slide of MRXS (3DHISTECH, MIRAX): a folder of data files beside a picture, laid out so that its reader finds them.

The names of the data files are needed, because `Slidedat.ini` calls them by name; only plain names of a short list of
forms are taken, and what `Slidedat.ini` names must be among them: a reader that follows it goes nowhere else. The
picture, the `.mrxs` file itself, may show the label; it is never kept, an empty file stands for it.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from dicom.errors import Damaged

OPENS = "slide.mrxs"
FOLDER = "slide"
INDEX = "Slidedat.ini"
PART = re.compile(r"Slidedat\.ini|[A-Za-z0-9_-]{1,40}\.dat")
"""Names of the files of a slide; nothing else of its folder is taken."""
_NAMED = re.compile(r"^[ \t]*(?:INDEXFILE|FILE_\d+)[^=\n]*=(.*)$", re.MULTILINE)
INDEX_BYTES = 1 << 20
FILES = 2000


def is_mirax(path: Path) -> bool:
    """Whether this is the empty file that stands for a laid out slide."""
    return path.suffix == ".mrxs"


def lay_out(parts: Mapping[str, Path], folder: Path) -> Path:
    """Move the files of a slide, by their names, into an empty folder; returns what its reader opens. Raises Damaged."""
    if not 2 < len(parts) <= FILES or not all(PART.fullmatch(name) for name in parts):
        raise Damaged(what="slide")
    if INDEX not in parts or not named_in(parts[INDEX]) <= set(parts) - {INDEX}:
        raise Damaged(what="slide")
    (folder / FOLDER).mkdir(mode=0o700)
    for name, path in parts.items():
        path.rename(folder / FOLDER / name)
    (folder / OPENS).touch(mode=0o600)
    return folder / OPENS


def named_in(index: Path) -> set[str]:
    """Every file that a Slidedat.ini names; raises Damaged where it is too large or names none."""
    if index.stat().st_size > INDEX_BYTES:
        raise Damaged(what="slide")
    text = index.read_bytes().decode("latin-1")
    found = {value.strip() for value in _NAMED.findall(text)}
    if not found or "\0" in text:
        raise Damaged(what="slide")
    return found


def parts_of(opens: Path) -> list[Path]:
    """The files of a laid out slide, in the order in which they are kept."""
    return sorted((opens.parent / FOLDER).iterdir())


def digest_of(opens: Path) -> str:
    """One digest of all of its files, and of what they are called."""
    whole = hashlib.sha256()
    for part in parts_of(opens):
        with part.open("rb") as stream:
            whole.update(part.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()
