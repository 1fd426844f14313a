"""Captions and reports: IU X-Ray, PEIR Gross, ROCO and MIMIC-CXR as published."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from model.errors import EvaluationUnusable
from model.evaluation.examples import Example, Kind
from model.evaluation.loaders.files import (
    first_of,
    need,
    picture_in,
    read_json,
    read_tabbed,
    read_table,
    text_of,
)


def _example(
    id: str, pictures: list[Path], text: str, kind: Kind, split: str, indication: str = ""
) -> Example:
    return Example(
        id=id,
        pictures=tuple(pictures),
        question="",
        answers=(text,),
        kind=kind,
        split=split,
        indication=indication,
    )


def iu_xray(folder: Path, split: str) -> list[Example]:
    """IU X-Ray: R2Gen's annotation.json, bioCaption's tables, or the original XML files (one split named all)."""
    if (folder / "annotation.json").is_file():
        return annotated(folder, split)
    if (folder / f"{split}_images.tsv").is_file():
        return tabbed(folder, split)
    if (folder / "ecgen-radiology").is_dir():
        if split != "all":
            raise EvaluationUnusable("The original IU X-Ray files have no splits: ask for the split all.")
        files = sorted((folder / "ecgen-radiology").glob("*.xml"), key=lambda one: (len(one.stem), one.stem))
        read = [_ecgen(path, folder) for path in files]
        return [one for one in read if one is not None]
    raise EvaluationUnusable(f"The folder has none of: annotation.json, {split}_images.tsv, ecgen-radiology.")


def _ecgen(path: Path, folder: Path) -> Example | None:
    """One report with findings and a picture; None where either is missing."""
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:
        raise EvaluationUnusable(f"{path.name} declares entities or is not UTF-8; such XML is not read.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise EvaluationUnusable(f"{path.name} is not XML.") from error
    sections = {
        text_of(one.get("Label")).upper(): text_of("".join(one.itertext()))
        for one in root.iter("AbstractText")
    }
    pictures = [
        picture_in(folder / "images", f"{one.get('id')}.png")
        for one in root.iter("parentImage")
        if one.get("id")
    ]
    if not sections.get("FINDINGS") or not pictures:
        return None
    known = root.find("uId")
    name = path.stem if known is None else text_of(known.get("id"))
    return _example(name, pictures, sections["FINDINGS"], "findings", "all", sections.get("INDICATION", ""))


def annotated(folder: Path, split: str) -> list[Example]:
    """R2Gen's annotation.json: an object of splits; the same for IU X-Ray and MIMIC-CXR."""
    every: Any = read_json(folder / "annotation.json")
    if not isinstance(every, dict) or not isinstance(every.get(split), list):
        raise EvaluationUnusable(f"annotation.json has no split {split}.")
    found = []
    for one in every[split]:
        names = need(one, "image_path", "annotation.json")
        pictures = [
            picture_in(folder / "images", name) for name in (names if isinstance(names, list) else [names])
        ]
        text = text_of(need(one, "report", "annotation.json"))
        if text and pictures:
            found.append(
                _example(text_of(need(one, "id", "annotation.json")), pictures, text, "findings", split)
            )
    return found


def tabbed(folder: Path, split: str) -> list[Example]:
    """bioCaption's SPLIT_images.tsv: comma-joined pictures, tab, caption. Its splits are random: state whose."""
    path = first_of(folder, (f"{split}_images.tsv",))
    return [
        _example(
            str(number),
            [picture_in(folder / "images", name) for name in names.split(",") if name.strip()],
            text,
            "caption",
            split,
        )
        for number, (names, text) in enumerate(read_tabbed(path))
        if text
    ]


def roco_v1(folder: Path, split: str) -> list[Example]:
    """The radiology part: data/SPLIT/radiology/captions.txt, id, tab, caption with a leading blank."""
    under = folder / "data" if (folder / "data").is_dir() else folder
    under = under / split / "radiology"
    path = first_of(under, ("captions.txt",))
    return [
        _example(name, [picture_in(under / "images", f"{name}.jpg")], text, "caption", split)
        for name, text in read_tabbed(path)
        if text
    ]


def roco_v2(folder: Path, split: str) -> list[Example]:
    """SPLIT_captions.csv with ID and Caption; pictures under SPLIT or SPLIT_images."""
    path = first_of(folder, (f"{split}_captions.csv",))
    images = next(
        (folder / name for name in (split, f"{split}_images", "images") if (folder / name).is_dir()), folder
    )
    return [
        _example(
            need(one, "ID", path.name),
            [picture_in(images, f"{one['ID']}.jpg")],
            text_of(need(one, "Caption", path.name)),
            "caption",
            split,
        )
        for one in read_table(path)
        if text_of(one.get("Caption"))
    ]


def mimic_cxr(folder: Path, split: str) -> list[Example]:
    """MIMIC-CXR-JPG beside its reports, or R2Gen's annotation.json; studies without findings are dropped.

    Frontal pictures come first where the metadata table is there.
    """
    if (folder / "annotation.json").is_file():
        return annotated(folder, split)
    table = first_of(folder, ("mimic-cxr-2.0.0-split.csv", "mimic-cxr-2.0.0-split.csv.gz"))
    views: dict[str, str] = {}
    for name in ("mimic-cxr-2.0.0-metadata.csv", "mimic-cxr-2.0.0-metadata.csv.gz"):
        if (folder / name).is_file():
            views = {one["dicom_id"]: text_of(one.get("ViewPosition")) for one in read_table(folder / name)}
            break
    studies: dict[tuple[str, str], list[str]] = {}
    for one in read_table(table):
        if need(one, "split", table.name) == split:
            studies.setdefault((one["subject_id"], one["study_id"]), []).append(one["dicom_id"])
    found = []
    for (subject, study), dicoms in studies.items():
        under = folder / "files" / f"p{subject[:2]}" / f"p{subject}"
        report = under / f"s{study}.txt"
        sections = report_sections(report.read_text(encoding="utf-8")) if report.is_file() else {}
        if sections.get("FINDINGS"):
            dicoms.sort(key=lambda one: (views.get(one) not in ("PA", "AP"), one))
            pictures = [picture_in(under / f"s{study}", f"{one}.jpg") for one in dicoms]
            found.append(
                _example(
                    study, pictures, sections["FINDINGS"], "findings", split, sections.get("INDICATION", "")
                )
            )
    return found


def report_sections(text: str) -> dict[str, str]:
    """Sections by their headers in upper case at the beginning of a line; each as one line, marks of gaps kept."""
    parts = re.split(r"^[ \t]*([A-Z][A-Z /]{3,40}):", text, flags=re.MULTILINE)
    return {
        head.strip(): text_of(body)
        for head, body in zip(parts[1::2], parts[2::2], strict=True)
        if body.strip()
    }
