"""Report, answer or caption to PDF: the words of the paper, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from app import marking, papers, reporting, sections, viewing
from app.auth import Caller
from app.errors import Refused
from app.fhir import telling
from app.fhir.bundle import KIND as FHIR
from app.review import kind_of
from app.wiring import Services
from app.wording import sentence
from storage import answers, marks, reports, studies, users
from storage.answers import StoredAnswer
from storage.audit.canonical import canonical
from storage.audit.merkle import Frontier
from storage.database import Tx, sha256_of
from storage.errors import NotFound
from storage.pdf import (
    Answered,
    Attachment,
    Box,
    Code,
    Field,
    Figure,
    Note,
    ReportContent,
    Section,
    Sentence,
    Signature,
    Status,
    render,
)
from storage.reports import Report
from storage.rows import AuditHeadRow
from storage.studies import Study

MARKS = {"model": "M", "edited": "E", "person": ""}


class Words:
    """Words of the paper: Korean with English beside it, or English alone."""

    def __init__(self, language: str):
        self.language = language

    def both(self, key: str, **facts: Any) -> str:
        """`소견 · Findings`, or `Findings`."""
        english = sentence(f"paper.{key}", "en", **facts)
        return english if self.language == "en" else f"{sentence(f'paper.{key}', 'ko', **facts)} · {english}"

    def pair(self, key: str) -> tuple[str, ...]:
        """Both as lines, English first; English alone as one."""
        english = sentence(f"paper.{key}", "en")
        return (english,) if self.language == "en" else (english, sentence(f"paper.{key}", "ko"))


def report_pdf(services: Services, caller: Caller, report_id: str) -> bytes:
    """The report as paper, sealed where the site has a seal; that it left is in the record, with the file's digest."""
    with services.database.read(caller.actor) as tx:
        study = reporting.study_of(tx, report_id, caller)
        report = reports.get(tx, study, report_id)
        content = report_content(services, tx, study, report, caller.language)
    data, facts = render(content), {}
    if report.is_signed and services.seal is not None:
        data, found = services.seal.sign(data)
        facts = {"seal": {"level": services.seal.level, "certificate_sha256": found.certificate_sha256}}
    _record(services, caller, study, "report.exported", "report", report_id, data, **facts)
    return data


def answer_pdf(services: Services, caller: Caller, answer_id: str) -> bytes:
    """An answered question or a caption as paper, marked as unsigned; raises Refused while there is no answer."""
    with services.database.read(caller.actor) as tx:
        study = studies.get(tx, answers.study_of(tx, answer_id), caller.user.id, "work")
        stored = answers.get(tx, study, answer_id)
        if not stored.answer:
            raise Refused("app.invalid", what="answer")
        content = _answer_content(services, tx, study, stored, caller.language)
    data = render(content)
    _record(services, caller, study, "answer.exported", "answer", answer_id, data)
    return data


def _record(
    services: Services,
    caller: Caller,
    study: Study,
    action: str,
    kind: str,
    object_id: str,
    data: bytes,
    **facts: Any,
) -> None:
    with services.database.write(caller.actor) as tx:
        tx.record(
            action,
            subject=study.patient_ref,
            object_type=kind,
            object_id=object_id,
            output_sha256=sha256_of(data),
            bytes=len(data),
            **facts,
        )


def report_content(
    services: Services, tx: Tx, study: Study, report: Report, language: str, *, deidentified: bool = False
) -> ReportContent:
    """Everything the paper of a report says; without identity for a researcher."""
    words = Words(language)
    demonstration = reporting.has_demonstration_words(tx, study, report)
    used = reporting.answers_used(tx, study, report)
    figures, notes = ((), ()) if deidentified else _figures(services, tx, study, report, words)
    state = "deidentified" if deidentified else report.state
    signed = report.is_signed
    beside = tuple(
        Section(heading=words.both(name), paragraphs=((Sentence(text=report.content[name]),),))
        for name in ("indication", "history")
        if report.content.get(name)
    )
    head: dict[str, Any] = {
        "language": language,
        # A de-identified copy says neither where it was made nor by which department.
        "institution": "Dragonfly-Med" if deidentified else services.settings.institution,
        "department": "" if deidentified else services.settings.department,
        "institution_line": "" if deidentified else "Dragonfly-Med",
        "status": Status(
            lines=words.pair(f"state.{state}"), tone="calm" if signed and not deidentified else "caution"
        ),
    }
    written = [
        Section(
            heading=words.both(name),
            paragraphs=(tuple(Sentence(text=r["text"], mark=MARKS[r["origin"]]) for r in rows),),
            emphasis=name in sections.CONCLUSION,
        )
        for name in sections.names_in(report.content)
        if (rows := report.content["sections"].get(name))
    ]
    names = {user.id: user.display_name for user in users.everyone(tx)}
    return ReportContent(
        **head,
        # The description of a study is free text of its header: it may hold anything.
        title=f"{kind_of(study)} · {words.both('report')}" if deidentified else _title(study, words),
        patient=() if deidentified else _patient(study, words),
        study=_examination(study, words, deidentified=deidentified),
        figures=figures,
        notes_heading=words.both("marks"),
        notes=notes,
        beside=() if deidentified else beside,
        sections=tuple(written),
        addenda=tuple(
            Section(
                heading=words.both(
                    "addendum",
                    number=one.number,
                    name="—" if deidentified else names.get(one.signed_by, "—"),
                    when="—" if deidentified else _when(one.signed_at),
                ),
                paragraphs=((Sentence(text=one.text),),),
            )
            for one in report.addenda
        ),
        provenance_heading=words.both("provenance"),
        provenance=_provenance(tx, report, used, words),
        code=Code(text=_code(services, tx, report, deidentified=deidentified), caption=words.both("code")),
        signatures=_signatures(report, used, names, words, deidentified=deidentified),
        statement=" ".join(
            sentence("paper.statement" if used else "paper.statement_person", lang)
            for lang in (("en",) if language == "en" else ("ko", "en"))
        ),
        footer_left="" if deidentified else str(study.identity.get("patient_id") or ""),
        footer_center=f"{report.id[:8]} · v{report.version}",
        page_words=_page_words(words),
        watermarks=_watermarks(words, signed=signed, demonstration=demonstration, deidentified=deidentified),
        band=_band(words, signed=signed, demonstration=demonstration),
        attachments=_files(tx, study, report, words) if signed and not deidentified else (),
    )


def _files(tx: Tx, study: Study, report: Report, words: Words) -> tuple[Attachment, ...]:
    """For programs: what was signed, in the very bytes whose digest is printed, and all of it for other systems."""
    return (
        Attachment(
            name="report.json",
            kind="application/json",
            data=canonical(dict(report.content)),
            description=words.both("content_file"),
        ),
        Attachment(
            name="report.fhir.json",
            kind=FHIR,
            data=telling.of_report(tx, study, report),
            description=words.both("fhir_file"),
        ),
    )


def _answer_content(
    services: Services, tx: Tx, study: Study, stored: StoredAnswer, language: str
) -> ReportContent:
    words = Words(language)
    demonstration = bool((stored.model or {}).get("demonstration"))
    asked = stored.kind == "question"
    model = stored.model or {}
    return ReportContent(
        language=language,
        institution=services.settings.institution,
        department=services.settings.department,
        institution_line="Dragonfly-Med",
        title=words.both("answer" if asked else "caption"),
        status=Status(lines=words.pair("state.unsigned"), tone="caution"),
        patient=_patient(study, words),
        study=_examination(study, words),
        figures=tuple(
            Figure(
                image=viewing.key_image(services, tx, study, one),
                caption=_seen(one, words),
                alternative=words.both("caption"),
            )
            for one in stored.view.get("sources") or [stored.view]
        ),
        sections=()
        if asked
        else (
            Section(
                heading=words.both("caption"), paragraphs=((Sentence(text=stored.answer or "", mark="M"),),)
            ),
        ),
        questions_heading=words.both("answer"),
        question_label=words.both("question"),
        answer_label=words.both("model_answer"),
        questions=(Answered(question=stored.question or "", answer=stored.answer or ""),) if asked else (),
        provenance_heading=words.both("provenance"),
        provenance=_model_fields([stored], words),
        statement=words.both("band.unsigned"),
        signatures=(
            Signature(
                label=words.both("model_answer"),
                name=str(model.get("name", "")),
                detail=_when(stored.finished_at),
            ),
        ),
        footer_left=str(study.identity.get("patient_id") or ""),
        footer_center=stored.id[:8],
        page_words=_page_words(words),
        watermarks=words.pair("watermark.demonstration" if demonstration else "watermark.unsigned"),
        band=words.both("band.demonstration" if demonstration else "band.unsigned"),
    )


def _title(study: Study, words: Words) -> str:
    described = str(study.facts.get("description") or study.modality)
    return f"{described} · {words.both('report')}"


def patient_name(study: Study) -> str:
    """All groups of the patient's name in one line."""
    name = study.identity.get("name") or {}
    parts = [str(part) for part in name.values() if part] if isinstance(name, Mapping) else [str(name)]
    return " · ".join(dict.fromkeys(parts))


def _patient(study: Study, words: Words) -> tuple[Field, ...]:
    unknown = words.both("unknown")
    facts = study.identity
    return (
        Field(label=words.both("patient").upper(), value=patient_name(study) or unknown, strong=True),
        Field(label=words.both("patient_id").upper(), value=str(facts.get("patient_id") or unknown)),
        Field(label=words.both("birth_date").upper(), value=date(facts.get("birth_date")) or unknown),
        Field(label=words.both("sex").upper(), value=str(facts.get("sex") or unknown)),
    )


def _examination(study: Study, words: Words, *, deidentified: bool = False) -> tuple[Field, ...]:
    facts = study.facts
    described = str(facts.get("description") or "")
    first = Field(
        label=words.both("examination").upper(),
        value=kind_of(study)
        if deidentified
        else " · ".join(part for part in (study.modality, described) if part),
    )
    if deidentified:
        return (first,)
    fields = [
        first,
        Field(label=words.both("accession").upper(), value=str(facts.get("accession") or "")),
        Field(
            label=words.both("study_date").upper(),
            value=date(facts.get("study_date")) or words.both("unknown"),
        ),
        Field(label=words.both("referrer").upper(), value=str(facts.get("referrer") or "")),
    ]
    specimen = [str(facts[name]) for name in ("specimen", "block", "stain") if facts.get(name)]
    if specimen:
        fields.append(Field(label=words.both("specimen").upper(), value=", ".join(specimen)))
    return tuple(fields)


def date(value: Any) -> str:
    """A DICOM date as people write it; anything else as it is."""
    text = str(value or "")
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _figures(
    services: Services, tx: Tx, study: Study, report: Report, words: Words
) -> tuple[tuple[Figure, ...], tuple[Note, ...]]:
    """The picture the draft was written on, the key images, and other pictures with the reader's marks on them."""
    drawn = marks.of_study(tx, study)
    view = report.content.get("view")
    places: list[tuple[str, int, Mapping[str, Any]]] = []
    for one in (view.get("sources") or [view]) if view else ():
        places.append((str(one["instance_id"]), int(one.get("frame") or 0), one))
    # Marks lie on frames: one that shares a file with a plane has a figure of its own.
    framed = {(one[0], one[1]) for one in places if not one[2].get("plane")}
    # Key images first: of more than there is room for, a reader chose those.
    for mark in sorted(drawn, key=lambda one: one.kind != marking.KEY):
        if (mark.instance_id, mark.frame) not in framed:
            framed.add((mark.instance_id, mark.frame))
            shown = {**mark.geometry.get("view", {}), "instance_id": mark.instance_id, "frame": mark.frame}
            places.append((mark.instance_id, mark.frame, shown))
    figures: list[Figure] = []
    notes: list[Note] = []
    for instance_id, frame, seen in places[:12]:
        try:
            image = viewing.key_image(services, tx, study, seen)
            instance = studies.instance_of(tx, study, instance_id)
        except NotFound:
            continue
        boxes = []
        for mark in drawn:
            is_here = (mark.instance_id, mark.frame) == (instance_id, frame) and not seen.get("plane")
            if not is_here or mark.kind == marking.KEY:
                continue
            number = len(notes) + 1
            boxes.append(_box(mark.geometry, number, instance.facts))
            notes.append(
                Note(
                    number=number,
                    text=str(mark.geometry.get("label") or words.both(f"mark.{mark.kind}")),
                    detail=marking.in_words(marking.measures(mark, instance)),
                )
            )
        figures.append(
            Figure(
                image=image, caption=_seen(seen, words), alternative=_title(study, words), boxes=tuple(boxes)
            )
        )
    return tuple(figures), tuple(notes)


def _box(geometry: Mapping[str, Any], number: int, facts: Mapping[str, Any]) -> Box:
    """The box around a mark's points, as shares of the picture."""
    points = geometry.get("points") or [[0, 0], [0, 0]]
    columns, rows = max(1, int(facts.get("columns") or 1)), max(1, int(facts.get("rows") or 1))
    xs, ys = [float(point[0]) / columns for point in points], [float(point[1]) / rows for point in points]
    return Box(
        number=number,
        x=min(xs),
        y=min(ys),
        width=max(max(xs) - min(xs), 0.01),
        height=max(max(ys) - min(ys), 0.01),
    )


def _seen(view: Mapping[str, Any], words: Words) -> str:
    """Window and picture number, in the words of the paper."""
    center, width = view.get("center"), view.get("width")

    def told(language: str) -> str:
        known = center is not None and width is not None
        window = f"C {center} W {width}" if known else sentence("paper.file_window", language)
        return sentence("paper.seen", language, window=window)

    def cut(language: str) -> str:
        slab, how = view["plane"]["slab_mm"], view["plane"]["how"]
        return sentence(f"paper.plane.{how}" if float(slab) else "paper.plane", language, slab_mm=slab)

    languages = ("en",) if words.language == "en" else ("ko", "en")
    place = map(cut, languages) if view.get("plane") else [f"#{int(view.get('frame') or 0) + 1}"]
    return " · ".join([*map(told, languages), *place])


def _model_fields(used: list[StoredAnswer], words: Words) -> tuple[Field, ...]:
    if not used:
        return (Field(label=words.both("model"), value=words.both("no_model")),)
    model, first = used[0].model or {}, used[0]
    prompts = dict.fromkeys(
        f"{one.prompt['name']} {one.prompt['version']} ({one.prompt['sha256'][:8]})" for one in used
    )
    sampling = first.sampling
    return (
        Field(
            label=words.both("model"),
            value=f"{model.get('name', '')}, {model.get('architecture', '')} {model.get('revision', '')}".strip(),
        ),
        Field(label=words.both("weights"), value=f"sha256 {eights(str(model.get('fingerprint', '')))}"),
        Field(label=words.both("prompts"), value=", ".join(prompts)),
        Field(
            label=words.both("settings"),
            value=f"temperature {sampling['temperature']:g}, seed {sampling['seed']}, "
            f"{_milliseconds(used)} ms, {_seen(first.view, words)}",
        ),
    )


def _milliseconds(used: list[StoredAnswer]) -> int:
    return sum(int((one.outcome or {}).get("milliseconds", 0)) for one in used)


def _provenance(tx: Tx, report: Report, used: list[StoredAnswer], words: Words) -> tuple[Field, ...]:
    origins = [one["origin"] for rows in report.content["sections"].values() for one in rows]
    counts = {name: origins.count(name) for name in ("model", "edited", "person")}
    size, root = _log_position(tx)
    return (
        *_model_fields(used, words),
        Field(label=words.both("writers"), value=words.both("writers_value", **counts)),
        Field(label=words.both("content"), value=f"sha256 {eights(report.sha256)}"),
        Field(label=words.both("log"), value=f"{words.both('log_value')}: {size} · {eights(root)}"),
    )


def _log_position(tx: Tx) -> tuple[int, str]:
    """Size and tree hash of the record now: an anchor outside of it, as soon as the paper leaves."""
    head = tx.session.get(AuditHeadRow, 1)
    return (head.size, Frontier(head.size, head.front).root().hex()) if head else (0, "")


def _code(services: Services, tx: Tx, report: Report, *, deidentified: bool) -> str:
    code = papers.Code(report_id=report.id, version=report.version, content_sha256=report.sha256)
    # An address would say where a de-identified copy was made.
    address = "" if deidentified else services.settings.address
    return papers.code_text(address, code, *_log_position(tx))


def eights(digest: str) -> str:
    """A digest in groups of eight, as it can be read aloud."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _signatures(
    report: Report, used: list[StoredAnswer], names: Mapping[str, str], words: Words, *, deidentified: bool
) -> tuple[Signature, ...]:
    found = []
    if used:
        model = used[0].model or {}
        found.append(
            Signature(
                label=words.both("drafted_with").upper(),
                name=str(model.get("name", "")),
                detail="" if deidentified else _when(used[0].finished_at),
            )
        )
    if report.signed_at and report.signed_by:
        found.append(
            Signature(
                label=words.both("signed_by").upper(),
                name="—" if deidentified else names.get(report.signed_by, "—"),
                detail="" if deidentified else _when(report.signed_at),
            )
        )
    return tuple(found)


def _when(moment: Any) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else ""


def _page_words(words: Words) -> str:
    return words.both("page", page="{page}", pages="{pages}")


def _watermarks(words: Words, *, signed: bool, demonstration: bool, deidentified: bool) -> tuple[str, ...]:
    if demonstration:
        return words.pair("watermark.demonstration")
    if deidentified:
        return words.pair("watermark.deidentified")
    return () if signed else words.pair("watermark.draft")


def _band(words: Words, *, signed: bool, demonstration: bool) -> str:
    parts = [] if signed else [words.both("band.draft")]
    if demonstration:
        parts.append(words.both("band.demonstration"))
    return "   ".join(parts)
