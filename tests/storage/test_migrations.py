"""The schema that migrations make is the schema the code expects, whoever runs them and how often."""

import json
import threading
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import storage.errors as errors
from storage.database import make_engine
from storage.migrate import is_current, migrate
from storage.rows import Base

WORDS = Path(__file__).parents[2] / "app" / "words" / "errors_storage.json"


def test_migrations_lead_to_the_tables_of_the_code(database):
    """A column added without a migration fails here, not in a hospital."""
    with database.engine.connect() as connection:
        options = {"compare_type": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)

    assert differences == []


def test_two_processes_that_start_at_once_migrate_once(database_url):
    """Web and worker come up together; the second waits and finds it done."""
    engine, failures = make_engine(database_url), []
    assert not is_current(engine)

    def run():
        try:
            migrate(engine)
        except Exception as error:
            failures.append(error)

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert failures == [] and is_current(engine)
    engine.dispose()


def test_every_error_has_a_sentence_in_both_languages():
    """Each says what to do; a code without words would reach the reader as a code."""
    words = json.loads(WORDS.read_text(encoding="utf-8"))
    kinds, found = [errors.StorageError], set()
    while kinds:
        kind = kinds.pop()
        found.add(kind.code)
        kinds += kind.__subclasses__()

    assert found == set(words)
    assert all(set(entry) == {"en", "ko"} and all(entry.values()) for entry in words.values())
