"""No room at each place where SQLite writes: a plain error, nothing half-done, and it goes on by itself afterwards."""

import pytest

from app.settings import Settings
from app.web import keep_up
from app.wiring import SYSTEM, open_services
from storage.audit.log import standing
from storage.audit.search import find
from storage.errors import DiskFull
from tests.app.conftest import PASSWORD, open_world, settled, upload
from tests.fault.disk import recorded
from tests.fault.ward import CHEAP, picture, record_complaints


@pytest.mark.parametrize("place", ["-wal", ".db"])
def test_a_disk_that_is_full_in_one_place_is_a_plain_error_and_passes(tmp_path, place):
    """The log verifies while there is no room, nobody was told of anything that is gone, and no hand is needed.

    Without room for the database itself its log of writes grows on, so that nothing is refused until it must be.
    """
    told, refused = [], 0
    (tmp_path / "data").mkdir(mode=0o700)
    with recorded(tmp_path / "data") as disk:
        services = open_services(Settings(data_dir=tmp_path / "data", decoders=1), passwords=CHEAP)
        database = services.database
        for turn in range(60):
            disk.full = place if 20 <= turn < 40 else ""
            try:
                with database.write(SYSTEM) as tx:
                    tx.record("system.read", filler="x" * 3000)
                with database.read(SYSTEM) as tx:
                    now = standing(tx.session)
                told.append({"size": now.size, "root": now.root})
            except DiskFull:
                refused += 1
            if turn == 39:
                assert record_complaints(database, told) == []
        assert len(told) + refused == 60 and (refused == 20 if place == "-wal" else refused == 0)
        assert record_complaints(database, told) == []
        services.close()


def test_on_a_full_disk_an_emergency_is_answered_and_nobody_else(tmp_path):
    """The reading is noted in the file that has its room already, and comes into the record once there is room."""
    (tmp_path / "data").mkdir(mode=0o700)
    with recorded(tmp_path / "data") as disk:
        services = open_services(Settings(data_dir=tmp_path / "data", decoders=1), passwords=CHEAP)
        database = services.database

        def look(cause):
            with database.look(SYSTEM) as tx:
                tx.record("study.read", cause=cause, filler="x" * 3000)

        disk.full = "-wal"
        with pytest.raises(DiskFull):
            for _ in range(20):
                look(None)
        with pytest.raises(DiskFull):
            look(None)
        for _ in range(5):
            look("e" * 32)
        disk.full = ""
        assert database.spool.take_in(database, SYSTEM) == 5
        look(None)

        with database.read(SYSTEM) as tx:
            newest, taken, *spooled = find(tx.session, limit=7)
        assert (newest["action"], taken["action"], taken["count"]) == ("study.read", "spool.taken_in", 5)
        assert [one["spooled"]["place"] for one in spooled] == [4, 3, 2, 1, 0]
        assert record_complaints(database, []) == []
        services.close()


def test_somebody_who_signed_in_before_the_disk_was_full_is_still_known(tmp_path):
    """Their session cannot be noted as used and ends the sooner; what they ask for is refused for its own reason."""
    (tmp_path / "data").mkdir(mode=0o700)
    with recorded(tmp_path / "data") as disk, open_world(tmp_path / "data") as world:
        reader = world.sign_in("clinician")
        world.clock.advance(minutes=5)
        disk.full = "-wal"
        statuses = {
            reader.get("/api/studies").json().get("error", {}).get("code", "shown") for _ in range(40)
        }
        words = [reader.get("/api/words").status_code for _ in range(3)]
        world.clock.advance(minutes=11)
        idle = reader.get("/api/words").status_code
        disk.full = ""

    assert statuses <= {"shown", "storage.disk_full"} and "storage.disk_full" in statuses
    assert words == [200, 200, 200] and idle == 401


def test_an_open_emergency_goes_on_while_the_disk_is_full(tmp_path):
    """By the interface: the doctor in the shock room sees the pictures, the owner is refused, the reviewer sees all of it."""
    (tmp_path / "data").mkdir(mode=0o700)
    with recorded(tmp_path / "data") as disk, open_world(tmp_path / "data") as world:
        owner, doctor, auditor = (world.sign_in(role) for role in ("clinician", "clinician", "auditor"))
        study = settled(owner, upload(owner, picture(3)))["studies"][0]["study_id"]
        series = owner.get(f"/api/studies/{study}").json()["series"][0]["series_id"]
        wanted = {"number": "PHANTOM-3", "reason": "Unconscious in the shock room.", "password": PASSWORD}
        emergency_id = doctor.post("/api/emergencies", json=wanted).json()["id"]
        disk.full = "-wal"
        while owner.get(f"/api/studies/{study}").status_code == 200:
            pass

        seen = [doctor.get(f"/api/studies/{study}"), doctor.get(f"/api/series/{series}/manifest")]
        frame = seen[1].json()["frames"][0]["instance_id"]
        seen.append(doctor.get(f"/api/instances/{frame}/frames/0/rendered.png"))
        refused = owner.get(f"/api/studies/{study}").json()["error"]["code"]

        assert [one.status_code for one in seen] == [200, 200, 200] and refused == "storage.disk_full"
        assert doctor.post(f"/api/emergencies/{emergency_id}/end").status_code == 507
        disk.full = ""
        keep_up(world.services, world.client.app.app.state.intake)
        case = auditor.get(f"/api/emergencies/{emergency_id}").json()
        assert [one["action"] for one in case["entries"]].count("study.read") == 2
        assert len([one for one in world.entries("study.read") if "spooled" in one]) == 2
        assert record_complaints(world.services.database, []) == []
