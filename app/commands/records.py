"""Proving the record from the command line."""

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from app import record
from app.anchoring import newest, open_stamps
from app.settings import Settings
from app.wiring import SYSTEM, open_database, open_spool
from storage.audit.receipts import continuation, of_closed, receipt
from storage.audit.search import checkpoints_in, checkpoints_of, verify_database
from storage.audit.stamps import Stamps, about, name_of, request_for
from storage.errors import KeyMissing, SealBroken
from storage.verifier import CANNOT_TELL, CLEAN, TAMPERED, Verdict, parse_anchor, read_first_key
from storage.verifier import verify as verify_file

WORDS = {CLEAN: "clean", TAMPERED: "tampered", CANNOT_TELL: "cannot tell"}


def verify(settings: Settings, options: Namespace) -> int:
    """Print the verdict; returns 0 clean, 1 tampered, 2 cannot tell."""
    try:
        verdict = _verdict(settings, options)
        if options.paper is not None:
            verdict = replace(verdict, lines=(*verdict.lines, *_about_the_seal(options.paper, options.roots)))
        if options.log is None and verdict.status != TAMPERED:
            verdict = _with_spool(verdict, settings)
        if options.stamps is not None and verdict.status == CLEAN:
            verdict = _with_stamps(verdict, settings, options)
    except (OSError, ValueError) as error:
        verdict = Verdict(CANNOT_TELL, 0, (f"Cannot tell: {error}",))
    sys.stdout.write("\n".join([WORDS[verdict.status], *verdict.lines]) + "\n")
    return verdict.status


def audit_export(settings: Settings, options: Namespace) -> int:
    """The record to a file, or to a log server."""
    if bool(options.send) == bool(options.file) or (options.send and options.form != "syslog"):
        raise ValueError("Name a file, or send messages of the form syslog.")
    database = open_database(settings)
    try:
        them = record.lines(database, SYSTEM, options.form, options.after)
        if options.send:
            sys.stdout.write(f"{record.send(them, options.send)} messages sent\n")
        else:
            with options.file.open("xb") as file:
                for line in them:
                    file.write(line)
    finally:
        database.close()
    return 0


def give_receipt(settings: Settings, options: Namespace) -> int:
    """The proof of one entry, or of a beginning, as a file; prints what it says."""
    database = open_database(settings)
    try:
        if options.log:
            line = of_closed(database, SYSTEM, options.log, options.number, continues=options.continues)
        else:
            proof = continuation if options.continues else receipt
            line = proof(database, SYSTEM, options.number)
        with options.out.open("xb") as file:
            file.write(line)
    finally:
        database.close()
    sys.stdout.write(f"{options.out}: {len(line)} bytes\n")
    return 0


def stamp(settings: Settings, options: Namespace) -> int:
    """Requests to carry to an authority, or the answers that came back; prints each."""
    stamps = open_stamps(settings)
    if stamps is None:
        raise ValueError("Name the authority's certificates in DRAGONFLY_STAMP_ROOTS.")
    database = open_database(settings)
    try:
        if options.take:
            for file in sorted(options.folder.glob("*.tsr")):
                found = stamps.take(file.with_suffix(".json").read_bytes(), file.read_bytes())
                with database.write(SYSTEM) as tx:
                    tx.record("log.stamped", size=found.size, at=found.at.isoformat())
                sys.stdout.write(f"{file.name}: {found.size} entries at {found.at.isoformat()}, {found.by}\n")
            return 0
        database.seal_log()
        with database.read(SYSTEM) as tx:
            checkpoint = newest(tx.session) or b""
    finally:
        database.close()
    options.folder.mkdir(parents=True, exist_ok=True)
    place = options.folder / name_of(checkpoint)
    place.with_suffix(".json").write_bytes(checkpoint)
    place.with_suffix(".tsq").write_bytes(request_for(checkpoint))
    sys.stdout.write(f"{place.with_suffix('.tsq')}: bring the answer back as {place.name}.tsr\n")
    return 0


def new_log(settings: Settings, options: Namespace) -> int:
    """Close the record and open the next; prints both."""
    ahead = parse_anchor(options.ahead) if options.ahead else None
    database = open_database(settings, as_owner=True)
    try:
        # What waits belongs to the log that is open now.
        if (spool := open_spool(settings)).path.exists() and options.reason == "rotation":
            spool.take_in(database, SYSTEM)
        renewed = database.renew_log(SYSTEM, options.reason, options.folder, ahead)
    finally:
        database.close()
    sys.stdout.write(
        f"closed: {renewed.closed}, {renewed.verdict}, {renewed.file}\nopened: {renewed.opened}\n"
        f"Give file and {settings.keys}/audit/escrow to the auditor.\n"
    )
    return 0


def bench_trust(settings: Settings, options: Namespace) -> int:
    """Print figures as they come."""
    from app.bench.trust import measure

    for what, figure in measure(options.database):
        sys.stdout.write(f"  {what:<62}{figure}\n")
        sys.stdout.flush()
    return 0


def _about_the_seal(paper: Path, roots: Path | None) -> list[str]:
    """What its digital signature says, whatever the record says of it; nothing where it has none."""
    try:
        from storage.pdf.signing import roots_in, sealed

        found = sealed(paper.read_bytes(), roots_in(roots) if roots else [])
    except ImportError:
        return [
            "Whether it carries a digital signature was not looked at: the extra `papers` is not installed."
        ]
    except SealBroken:
        return ["Its digital signature cannot be read."]
    except KeyMissing as error:
        raise ValueError(f"There is no certificate in {error.facts['key']}.") from error
    if found is None:
        return ["It carries no digital signature."]
    when = found.at.isoformat() if found.at else "a time it does not say"
    clock = "by a time-stamp that counts" if found.is_stamped else "by the signer's own clock"
    whole = (
        "Nothing was changed since."
        if found.intact
        else "It was changed since, or is no signature that holds."
    )
    trust = (
        "The certificate leads to the roots."
        if found.trusted
        else "The roots do not vouch for the certificate."
    )
    if roots is None:
        trust = "Who that is was not proved: name the roots with --roots."
    name = f"certificate {found.certificate_sha256}"
    return [f"Digitally signed as {found.by} ({name}) at {when}, {clock}. {whole} {trust}"]


def _with_spool(verdict: Verdict, settings: Settings) -> Verdict:
    """The verdict about this installation with what waits to go into its record."""
    spool = open_spool(settings)
    if not spool.path.exists():
        return verdict
    found = spool.look()
    if found.broken:
        said = f"what lies behind reading {len(found.entries)} in {spool.path} is not as it was written"
        return Verdict(TAMPERED, verdict.entries, (f"First broken: {said}.",))
    waits = f"{len(found.entries)} emergency readings wait to go into the record."
    return replace(verdict, lines=(*verdict.lines, waits)) if found.entries else verdict


def _with_stamps(verdict: Verdict, settings: Settings, options: Namespace) -> Verdict:
    """The verdict with what the time-stamps in a folder add to it."""
    roots = options.roots or settings.stamp_roots
    if roots is None:
        raise ValueError("Name the authority's certificates with --roots.")
    log, checkpoints = checkpoints_of(options.log) if options.log else checkpoints_in(settings.url)
    try:
        stamps = Stamps(options.stamps, roots).everything()
        return replace(verdict, lines=(*verdict.lines, *about(stamps, log, checkpoints, options.stamps)))
    except SealBroken as error:
        if error.facts.get("intact"):
            return Verdict(CANNOT_TELL, verdict.entries, ("The roots do not vouch for a time-stamp.",))
        return Verdict(TAMPERED, verdict.entries, ("First broken: a time-stamp is not over its checkpoint.",))
    except KeyMissing as error:
        raise ValueError(f"There is no certificate in {error.facts['key']}.") from error
    except LookupError as error:
        return Verdict(TAMPERED, verdict.entries, (f"First broken: {error.args[0]}.",))


def _verdict(settings: Settings, options: Namespace) -> Verdict:
    keys = settings.keys / "audit"
    public = (options.public or keys / "public.pem").read_bytes()
    escrow = keys / "escrow" / "first-chain.key"
    first = options.first_key or (escrow if options.log is None and escrow.exists() else None)
    first_key = read_first_key(first) if first else None
    anchors = dict(map(parse_anchor, options.anchor))
    if options.log is not None:
        return verify_file(options.log, public, first_key, anchors, options.witness, options.paper)
    return verify_database(settings.url, public, first_key, anchors, options.witness, options.paper)
