"""A release says what it holds, and what is known of it, without asking anybody."""

import importlib
import json
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parent.parent
TODAY = date(2026, 11, 25)
LOCK = """\
pydicom==3.0.2 \\
    --hash=sha256:{one} \\
    --hash=sha256:{two}
pillow==12.3.0 \\
    --hash=sha256:{one}
nowhere-installed==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:{two}
""".format(one="1" * 64, two="2" * 64)


@pytest.fixture(scope="module")
def release():
    """The two programs as modules."""
    sys.path.insert(0, str(ROOT / "deploy" / "release"))
    yield importlib.import_module("bill"), importlib.import_module("advisories")
    sys.path.pop(0)


@pytest.fixture(scope="module")
def advisories(release):
    return release[1]


def advisory(number, name, events=(), versions=(), ecosystem="PyPI", kind="ECOSYSTEM", **more):
    """An advisory in the shape of OSV's schema 1.6."""
    affected = {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": kind, "events": list(events)}],
        "versions": list(versions),
    }
    return {"id": number, "modified": "2026-11-20T00:00:00Z", "affected": [affected], **more}


def found(advisories, part, *given, today=TODAY):
    """Ids of what concerns a part; beside it stands an advisory about nothing, so that there is data."""
    other = advisory("NOTHING", "something-else", [{"introduced": "0"}], ecosystem=part.ecosystem)
    return [one.id for one in advisories.check([part], [other, *given], today)]


@pytest.mark.parametrize(
    ("version", "events", "expected"),
    [
        ("1.4", [{"introduced": "0"}, {"fixed": "1.5"}], True),
        ("1.5", [{"introduced": "0"}, {"fixed": "1.5"}], False),
        ("1.10", [{"introduced": "1.2"}, {"fixed": "1.9"}], False),
        ("1.1", [{"introduced": "1.2"}, {"fixed": "1.9"}], False),
        ("2.0", [{"introduced": "1.0"}, {"last_affected": "2.0"}], True),
        ("2.0.1", [{"introduced": "1.0"}, {"last_affected": "2.0"}], False),
        ("3.1", [{"introduced": "1.0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"fixed": "3.2"}], True),
        ("2.5", [{"introduced": "1.0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"fixed": "3.2"}], False),
        ("2.0rc1", [{"introduced": "1.0"}, {"fixed": "2.0"}], True),
    ],
)
def test_the_last_event_at_or_before_a_version_decides(advisories, version, events, expected):
    """Ranges by number and not by letter, several of them, ends that count and ends that do not."""
    part = advisories.Part("PyPI", "Some_Package", version)

    assert bool(found(advisories, part, advisory("A-1", "some-package", events))) is expected


def test_listed_versions_count_and_withdrawn_or_foreign_advisories_do_not(advisories):
    """Commits say nothing of a release; another ecosystem's package of the same name is another package."""
    part = advisories.Part("PyPI", "some-package", "1.0")
    everything = [{"introduced": "0"}]

    assert found(advisories, part, advisory("A-1", "some-package", versions=["1.0"])) == ["A-1"]
    assert not found(
        advisories, part, advisory("A-2", "some-package", everything, withdrawn="2026-01-01T00:00:00Z")
    )
    assert not found(advisories, part, advisory("A-3", "some-package", everything, ecosystem="npm"))
    assert not found(advisories, part, advisory("A-4", "some-package", everything, kind="GIT"))


def test_without_data_or_with_old_data_nothing_is_called_safe(advisories):
    """Silence would be taken for "no flaw"."""
    part = advisories.Part("npm", "some-package", "1.0")
    later = TODAY + timedelta(days=60)

    with pytest.raises(advisories.CannotTell, match="npm"):
        advisories.check([part], [advisory("A-1", "x", ecosystem="PyPI")], TODAY)
    with pytest.raises(advisories.CannotTell, match="too old"):
        found(advisories, part, today=later)
    with pytest.raises(advisories.CannotTell, match="compared"):
        found(
            advisories,
            advisories.Part("npm", "some-package", "next"),
            advisory("A-1", "some-package", [{"introduced": "0"}], ecosystem="npm"),
        )


def test_what_was_accepted_counts_again_after_its_day(advisories, tmp_path):
    """By the id or by an alias, with the reason told."""
    file = tmp_path / "accepted.toml"
    file.write_text('[[accepted]]\nid = "CVE-1"\nreason = "not reached"\nuntil = 2026-12-01\n')
    given = advisory("A-1", "some-package", versions=["1.0"], aliases=["CVE-1"])
    flaws = advisories.check([advisories.Part("PyPI", "some-package", "1.0")], [given], TODAY)

    lines, left = advisories.told(flaws, advisories.accepted(file, TODAY))
    assert left == 0 and "not reached" in lines[0]
    assert advisories.told(flaws, advisories.accepted(file, date(2026, 12, 2)))[1] == 1


def test_the_program_ends_by_what_it_found(advisories, release, tmp_path, capsys):
    """0 nothing known, 1 a flaw, 2 not found out; the bill it reads is the one that is made."""
    text = release[0].make(ROOT, "1.0", [LOCK], datetime(2026, 11, 25, tzinfo=UTC))
    bill = tmp_path / "bill.json"
    bill.write_text(text)
    fresh = datetime.now(UTC).isoformat()
    rows = [advisory("A-0", "x"), advisory("A-1", "x", ecosystem="npm")]
    clean, flawed = tmp_path / "clean.zip", tmp_path / "flawed.zip"
    for archive, more in (
        (clean, []),
        (flawed, [advisory("A-2", "@kitware/vtk.js", [{"introduced": "0"}], ecosystem="npm")]),
    ):
        with zipfile.ZipFile(archive, "w") as made:
            for row in [*rows, *more]:
                made.writestr(row["id"] + ".json", json.dumps(row | {"modified": fresh}))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no zip")

    ends = [advisories.main([str(bill), str(one)]) for one in (clean, flawed, broken)]

    assert [*ends, advisories.main([str(bill)])] == [0, 1, 2, 2]
    assert "vtk.js" in capsys.readouterr().out


def test_the_bill_names_every_part_and_keeps_to_the_format(release):
    """Pins with their digests, bundled scripts, fonts and weights; valid CycloneDX 1.6; the same bytes twice."""
    when = datetime(2026, 11, 25, tzinfo=UTC)
    text = release[0].make(ROOT, "1.0", [LOCK, LOCK], when)
    parts = {part["bom-ref"]: part for part in json.loads(text)["components"]}
    scripts = (ROOT / "app/static/licences.txt").read_text().count("\nLicence: ")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == release[0].make(ROOT, "1.0", [LOCK], when)
    digests = [one["content"] for one in parts["pkg:pypi/pydicom@3.0.2"]["hashes"]]
    assert digests == ["1" * 64, "2" * 64]
    assert sum(ref.startswith("pkg:npm/") for ref in parts) == scripts > 20
    assert parts["model/demo/weights/model.safetensors"]["type"] == "machine-learning-model"
    assert "licenses" not in parts["pkg:pypi/nowhere-installed@1.0"]
    assert parts["pkg:pypi/pillow@12.3.0"]["licenses"]


def test_every_bundled_licence_is_a_free_one(release):
    """No package under the GPL alone comes into the page's script."""
    text = release[0].make(ROOT, "1.0", [LOCK], datetime(2026, 11, 25, tzinfo=UTC))

    for part in json.loads(text)["components"]:
        words = json.dumps(part.get("licenses", ""))
        assert "GPL" not in words.replace("LGPL", ""), part["name"]
