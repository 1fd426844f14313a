"""A file is known by its digest alone, on both databases; what came later is known too."""

from storage.audit.papers import left, newer

REPORT = {"object_type": "report", "object_id": "a" * 32}
DIGEST, OTHER = "1f" * 32, "2e" * 32


def test_a_paper_is_found_by_its_digest_and_nothing_else_is(database, clinician):
    """Its last leaving; not an entry of another kind that happens to hold the digest."""
    with database.write(clinician) as tx:
        tx.record("report.signed", after=OTHER, **REPORT)
        tx.record("report.exported", output_sha256=DIGEST, **REPORT)
        tx.record("report.exported", output_sha256=DIGEST, **REPORT)
        tx.record("report.exported", output_sha256=OTHER[::-1], note=OTHER, **REPORT)
        tx.record("backup.finished", output_sha256=OTHER)

    with database.read(clinician) as tx:
        found = left(tx.session, DIGEST)
        assert found is not None and (found.seq, found.object_id) == (4, "a" * 32)
        assert left(tx.session, OTHER) is None
        assert left(tx.session, "%" * 64) is None


def test_what_was_signed_or_added_later_is_found(database, clinician):
    """Only of the same report, only what succeeded, only behind the paper."""
    with database.write(clinician) as tx:
        tx.record("report.signed", **REPORT)
        tx.record("report.exported", output_sha256=DIGEST, **REPORT)
        tx.record("report.signed", object_type="report", object_id="b" * 32)
        tx.record("report.addendum", outcome="failure", **REPORT)
    with database.read(clinician) as tx:
        assert newer(tx.session, left(tx.session, DIGEST)) is None
    with database.write(clinician) as tx:
        tx.record("report.addendum", **REPORT)

    with database.read(clinician) as tx:
        assert newer(tx.session, left(tx.session, DIGEST)).seq == 6
