"""Draft, edit, check, sign, amend: the life of a report."""

from collections.abc import Mapping, Sequence
from typing import Any

from app import analysis, checklist, scope, sections, sentences, sources
from app.auth import Caller, confirm
from app.errors import Refused
from app.queue import Queue
from app.wiring import Services
from storage import answers, reports, studies
from storage.access import Need
from storage.answers import StoredAnswer
from storage.database import Tx
from storage.errors import Conflict
from storage.reports import Report
from storage.studies import Study

LONGEST = 20_000


def begin(
    services: Services,
    queue: Queue,
    caller: Caller,
    study_id: str,
    *,
    indication: str,
    history: str,
    view: Mapping[str, Any],
    typed: Mapping[str, str] | None = None,
    fields: Sequence[Mapping[str, Any]] = (),
    overridden: Sequence[str] = (),
) -> tuple[Report, list[str]]:
    """Begin the report, or draft it anew, section by section; raises Refused once it is signed, or out of scope.

    typed: what the person wrote into sections of their own; fields: views of a slide to be read one after another
    overridden: warnings of the gate that the person goes beyond (`scope.check`)
    """
    going_beyond = scope.check(services, caller, study_id, [view, *fields], overridden)
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "work")
        view = sources.checked_view(tx, study, view)
        report = reports.of_study(tx, study)
        if report is not None and report.is_signed:
            raise Refused("app.study_locked")
        views = [sources.checked_view(tx, study, one) for one in fields]
        content = dict(report.content) if report else _empty(study)
        kept = dict(content["sections"])
        for name in sections.names_in(content):
            text = (typed or {}).get(name)
            if text:
                kept[name] = sentences.with_origins(limited(text), kept.get(name, ()))
        if views:
            kept["microscopy"] = []
        content |= {
            "sections": kept,
            "indication": limited(indication),
            "history": limited(history),
            "view": exact(view),
            **({"fields": exact(views)} if views else {}),
        }
        report = (
            reports.create(tx, study, content)
            if report is None
            else reports.save(tx, study, report.id, report.version, content)
        )
        told = {"indication": indication, "history": history}
        asked = analysis.draft(services, queue, study, tx, report.id, told=told, view=view, fields=views)
        scope.record(tx, study, asked[0], going_beyond)
    return report, asked


def _empty(study: Study) -> dict[str, Any]:
    """The content of a report before anybody wrote; of slides with what was said of the specimen."""
    kept: dict[str, Any] = {name: [] for name in sections.names_for(study)}
    if "specimen" in kept:
        kept["specimen"] = sentences.with_origins(sections.about_slide(study.facts), ())
    return {"sections": kept}


def take_section(tx: Tx, study: Study, answer: StoredAnswer) -> None:
    """Put what the model wrote into its section; a report that was signed meanwhile stays as it is.

    A field of a slide is added to what was read before it; everything else takes the place of what stood there.
    """
    report = reports.get(tx, study, str(answer.report_id))
    if report.is_signed:
        return
    section, rows = sections.section_of(answer.kind), sections.rows_of(answer)
    if answer.kind == "report_field":
        rows = [*report.content["sections"].get(section, ()), *rows]
    content = {**report.content, "sections": {**report.content["sections"], section: rows}}
    reports.save(tx, study, report.id, report.version, content)


def edit(
    services: Services, caller: Caller, report_id: str, version: int, typed: Mapping[str, str]
) -> Report:
    """Save what a person typed, each sentence with who wrote it.

    raises: Conflict(version) when somebody saved meanwhile, Refused once it is signed
    """
    with services.database.write(caller.actor) as tx:
        study = study_of(tx, report_id, caller)
        report = reports.get(tx, study, report_id)
        if report.is_signed:
            raise Refused("app.study_locked")
        if report.version != version:
            raise Conflict(object="report", version=report.version)
        spoken = model_sentences(tx, study, report_id)
        written = dict(report.content["sections"])
        for name in sections.names_in(report.content):
            if name in typed:
                written[name] = sentences.with_origins(limited(typed[name]), spoken.get(name, ()))
        content = {**report.content, "sections": written}
        for name in ("indication", "history"):
            if name in typed:
                content[name] = limited(typed[name])
        saved = reports.save(tx, study, report_id, version, content)
        if saved.version == version:
            tx.record("report.read", subject=study.patient_ref, object_type="report", object_id=report_id)
    return saved


def model_sentences(tx: Tx, study: Study, report_id: str) -> dict[str, list[dict[str, Any]]]:
    """What the model said for each section of a report, over all its drafts."""
    spoken: dict[str, list[dict[str, Any]]] = {}
    for one in answers.of_study(tx, study):
        if one.report_id == report_id and one.answer:
            spoken.setdefault(sections.section_of(one.kind), []).extend(sections.rows_of(one))
    return spoken


def latest_model_texts(tx: Tx, study: Study, report: Report) -> dict[str, str]:
    """The last thing the model wrote for each section of a report."""
    texts: dict[str, str] = {}
    # The fields of a plan were asked at the same moment.
    for one in sorted(
        answers.of_study(tx, study), key=lambda one: (one.asked_at, one.view.get("field") or 0)
    ):
        if one.report_id == report.id and one.state == "done" and one.answer:
            section, text = sections.section_of(one.kind), sentences.joined(sections.rows_of(one))
            # The first field of a plan begins the section anew; the others follow it.
            follows = one.kind == "report_field" and one.view.get("field") != 1
            texts[section] = f"{texts.get(section, '')} {text}".strip() if follows else text
    return texts


def lines_before_signing(tx: Tx, study: Study, report: Report) -> list[checklist.Line]:
    """The pre-sign list of a report."""
    return checklist.check(
        report.content,
        sex=str(study.identity.get("sex") or ""),
        identified=identified(study),
        demonstration=has_demonstration_words(tx, study, report),
    )


def sign(
    services: Services,
    caller: Caller,
    report_id: str,
    version: int,
    password: str,
    acknowledged: list[str],
    code: str = "",
) -> Report:
    """Sign as the caller, who has just given their password and seen every warning.

    raises: Refused for a wrong password, a stop, or a warning that was not acknowledged; Conflict, TooManyTries
    """
    with services.database.read(caller.actor) as tx:
        study = study_of(tx, report_id, caller)
        report = reports.get(tx, study, report_id)
        if report.is_signed:
            raise Refused("app.study_locked")
        if report.version != version:  # the list must speak of what is signed
            raise Conflict(object="report", version=report.version)
        lines = lines_before_signing(tx, study, report)
    if any(line.code == "check.identity" for line in lines):
        raise Refused("app.identity_missing")
    blocking = [line.code for line in lines if line.level == "stop"]
    unseen = [line.code for line in lines if line.level == "warn" and line.code not in acknowledged]
    if blocking or unseen:
        raise Refused("app.checklist", what=", ".join(sorted({*blocking, *unseen})))
    confirm(services, caller, password, code)
    with services.database.write(caller.actor) as tx:
        study = study_of(tx, report_id, caller)
        return reports.sign(tx, study, report_id, version, sorted(set(acknowledged)))


def preliminary(services: Services, caller: Caller, report_id: str, version: int) -> Report:
    """Call it preliminary: written, not yet signed."""
    with services.database.write(caller.actor) as tx:
        return reports.set_preliminary(tx, study_of(tx, report_id, caller), report_id, version)


def amend(
    services: Services, caller: Caller, report_id: str, text: str, password: str, code: str = ""
) -> Report:
    """Add a signed addendum; raises Refused for a wrong password or no text."""
    if not text.strip():
        raise Refused("app.invalid", what="text")
    confirm(services, caller, password, code)
    with services.database.write(caller.actor) as tx:
        return reports.add_addendum(tx, study_of(tx, report_id, caller), report_id, limited(text.strip()))


def study_of(tx: Tx, report_id: str, caller: Caller, need: Need = "work") -> Study:
    """The study that a report belongs to, for who may do what they are about to; raises NotFound."""
    return studies.get(tx, reports.study_of(tx, report_id), caller.user.id, need)


def identified(study: Study) -> bool:
    """Whether patient and date are known, without which nothing can be signed."""
    name = study.identity.get("name")
    known = any(name.values()) if isinstance(name, dict) else bool(name)
    return bool(known and study.identity.get("patient_id") and study.facts.get("study_date"))


def has_demonstration_words(tx: Tx, study: Study, report: Report) -> bool:
    """Whether any sentence comes from a demonstration model, edited or not."""
    used = {
        one.get("answer_id")
        for rows in report.content["sections"].values()
        for one in rows
        if one.get("origin") in ("model", "edited")
    }
    return any(
        one.id in used and bool((one.model or {}).get("demonstration")) for one in answers.of_study(tx, study)
    )


def limited(text: str) -> str:
    """A text within its limit; raises Refused."""
    if len(text) > LONGEST:
        raise Refused("app.too_long", found=len(text), limit=LONGEST)
    return text.strip()


def exact(value: Any) -> Any:
    """Plain JSON without floats, whose digits differ between systems: whole numbers as such, others as text."""
    if isinstance(value, float):
        return int(value) if value == int(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(name): exact(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [exact(one) for one in value]
    return value


def answers_used(tx: Tx, study: Study, report: Report) -> list[StoredAnswer]:
    """The answers whose words stand in a report, as they are or edited."""
    ids = {
        one.get("answer_id")
        for rows in report.content["sections"].values()
        for one in rows
        if one.get("origin") != "person"
    }
    return [one for one in answers.of_study(tx, study) if one.id in ids]
