"""What a killed upload left among the sealed files goes at the next start, and nothing else does."""

from datetime import timedelta
from io import BytesIO

import pytest

from app import leftovers
from app.wiring import SYSTEM
from storage import patients
from storage.database import utc_now
from storage.errors import NotFound


def kept(world, content):
    """A sealed file of a new patient, not noted yet, as between the two steps of an upload."""
    services = world.services
    owner = world.person("clinician")
    with services.database.write(SYSTEM) as tx:
        patient_id = patients.add(tx, owner.id, {"patient_id": content.decode()})
        key = tx.patient_key(patient_id)
    return patient_id, services.files.keep(key, patient_id, BytesIO(content))


def test_files_that_no_row_names_are_removed_and_the_others_stay(world):
    """Whole ones and half-written ones; that it was done is in the record."""
    files, database = world.services.files, world.services.database
    patient_id, named = kept(world, b"left-over 1")
    other_id, _ = kept(world, b"left-over 2")
    with database.write(SYSTEM) as tx:
        files.note(tx, patient_id, named)
        tx.record("system.read")
    (files.root / patient_id / ".part-00").write_bytes(b"half")

    assert leftovers.remove(world.services, utc_now() - timedelta(hours=1)) == 0
    assert leftovers.remove(world.services, utc_now() + timedelta(hours=1)) == 2

    assert [one.name for one in (files.root / patient_id).iterdir()] == [named.sha256]
    assert list((files.root / other_id).iterdir()) == []
    assert world.entries("upload.cleared")[0]["files"] == 2
    assert leftovers.remove(world.services, utc_now() + timedelta(hours=1)) == 0


def test_a_file_that_was_cleared_away_is_not_noted(world):
    """A process that still drains while the next one starts is told, instead of naming a file that is gone."""
    files, database = world.services.files, world.services.database
    patient_id, file = kept(world, b"left-over 3")
    leftovers.remove(world.services, utc_now() + timedelta(hours=1))

    with pytest.raises(NotFound), database.write(SYSTEM) as tx:
        files.note(tx, patient_id, file)
