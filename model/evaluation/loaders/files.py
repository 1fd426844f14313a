"""Reading what lies in a data set's folder: JSON, tables, names of pictures. Errors name the file and the line."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from model.errors import EvaluationUnusable


def first_of(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of these files that is there; raises EvaluationUnusable naming all of them."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    packed = sorted(one.name for one in folder.rglob("*") if one.suffix in (".pkl", ".pickle", ".parquet"))
    if packed:
        raise EvaluationUnusable(
            f"The folder holds {packed[0]}, which is not opened here: a pickle runs whatever its author wrote. Convert it "
            f"once, on a machine that may be lost, to a JSON list of objects under one of: {', '.join(names)}."
        )
    raise EvaluationUnusable(f"The folder has none of: {', '.join(names)}.")


def read_json(path: Path) -> Any:
    """A JSON file in UTF-8, with or without a byte order mark."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise EvaluationUnusable(f"{path.name} is not JSON in UTF-8.") from error


def read_objects(path: Path) -> list[dict[str, Any]]:
    """A JSON list of objects; in a .jsonl one object in each line."""
    found = read_lines(path) if path.suffix == ".jsonl" else read_json(path)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise EvaluationUnusable(f"{path.name} is not a list of objects.")
    return found


def read_lines(path: Path) -> list[Any]:
    """One JSON value in each line."""
    try:
        return [json.loads(line) for line in _lines(path) if line.strip()]
    except ValueError as error:
        raise EvaluationUnusable(f"{path.name} is not one JSON object in each line.") from error


def read_table(path: Path) -> list[dict[str, str]]:
    """A CSV file with a header, gzipped or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_tabbed(path: Path) -> Iterator[tuple[str, str]]:
    """Name and text of each line; the text may begin with more tabs and blanks, and lines may be empty."""
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        name, tab, text = line.partition("\t")
        if not tab:
            raise EvaluationUnusable(f"{path.name} has no tab in line {number}.")
        yield name.strip(), text.strip()


def _lines(path: Path) -> list[str]:
    # Only line feeds end a line: some captions hold other separators of Unicode.
    return path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").split("\n")


def text_of(value: Any) -> str:
    """An answer as text whatever JSON made of it: 2 is "2", true is "yes", blanks and tabs become one blank."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str("" if value is None else value).split())


def picture_in(folder: Path, name: Any) -> Path:
    """A picture by its name in the data; a name that leads out of the folder is refused."""
    relative = PurePosixPath(str(name).strip().replace("\\", "/"))
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise EvaluationUnusable("The data name a picture outside of their folder.")
    return folder.joinpath(*relative.parts)


def need(record: dict[str, Any], name: str, where: str) -> Any:
    """A field that must be there."""
    if name not in record:
        raise EvaluationUnusable(f"{where} has a record without the field {name}.")
    return record[name]
