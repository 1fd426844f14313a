"""The gate before the model: what it refuses, what it warns of, and what stands in the record when somebody goes on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app import jobs
from app.demo import drawn_files
from app.drawn_slide import write_drawn_slide
from app.scope import KINDS, RULES, SPOKEN, Finding, Stated, findings, stated
from app.wiring import SYSTEM
from app.wording import catalogue
from dicom.scope import FINDINGS, REGIONS
from model.demo.strokes import SIZE
from model.scripted import ScriptedEngine
from storage import workers
from tests.app.conftest import open_world
from tests.app.test_reading import study_with_picture
from tests.app.test_slides import taken_in
from tests.samples import dicom_bytes

CARD = Path(__file__).parents[2] / "model" / "demo" / "weights" / "card.json"

NOISE = np.random.default_rng(0).integers(0, 2000, (32, 32)).astype(np.int16)


def facts(*found, modality="CT", region=""):
    """What `dicom.scope` says of a picture."""
    return {"modality": modality, "region": region, "findings": list(found)}


def test_a_card_is_read_by_its_words():
    """A kind, and a part of the body where the card names one."""
    assert stated(["drawn chest radiograph", "drawn CT slice"]) == [
        Stated("radiograph", "chest"),
        Stated("ct", ""),
    ]
    assert stated(["brain MRI"]) == [Stated("mr", "head")]
    assert stated([]) == [] and stated(["anything"]) == []


def test_each_finding_has_its_verdict_and_the_gravest_comes_first():
    """A blank localizer is refused before anybody is asked about the localizer."""
    assert findings(facts("localizer", "blank"), "CT", []) == [
        Finding("blank", "refuse"),
        Finding("localizer", "warn"),
    ]
    assert findings(facts("may_hold_text"), "US", []) == []


def test_kind_and_region_are_judged_by_what_the_model_states():
    """An MR is outside of a card of chest radiographs and CT; a chest is inside, a hand is not, an unnamed part may be."""
    card = stated(["chest radiograph", "CT"])

    assert findings(facts(modality="MR"), "MR", card) == [Finding("modality", "warn")]
    assert findings(facts(modality="DX", region="chest"), "DX", card) == []
    assert findings(facts(modality="DX", region="limb"), "DX", card) == [Finding("region", "warn")]
    assert findings(facts(modality="DX"), "DX", card) == []
    assert findings(facts(modality="CT", region="limb"), "CT", card) == []


def test_where_nothing_is_stated_nothing_is_judged():
    """No card, no worker, a photograph: kind and region are nobody's business then."""
    assert findings(facts(modality="MR", region="limb"), "MR", []) == []
    assert findings(facts(modality=""), "XC", stated(["CT"])) == []


def test_every_rule_speaks_of_something_that_can_be_found_and_has_its_words():
    """In both languages, kinds and regions too."""
    words = catalogue()

    assert set(RULES) - {"modality", "region", "no_tissue"} == set(FINDINGS) - {"may_hold_text"}
    assert set(KINDS) == set(SPOKEN)
    keys = [f"scope.{code}" for code in RULES]
    keys += [f"scope.kind.{kind}" for kind in (*KINDS, "any")] + [f"scope.region.{one}" for one in REGIONS]
    assert all(words[key]["en"] and words[key]["ko"] for key in keys)


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """An application whose gate is on, with a worker that states chest radiographs and CT."""
    with open_world(
        tmp_path_factory.mktemp("gate"), scope_gate="rules", worker_patience_seconds=3600
    ) as world:
        card = replace(ScriptedEngine(()).card, modalities=("chest radiograph", "CT"))
        with world.services.database.keep_house(SYSTEM) as tx:
            workers.beat(tx, "w", {"model": jobs.model_facts(card)})
        yield world


def asked(browser, study_id, view, *overridden, route="questions", **content):
    """Ask, going beyond these warnings."""
    body = {"question": "What is seen?", **content} if route == "questions" else content
    return browser.post(
        f"/api/studies/{study_id}/{route}", json={**body, "view": view, "overridden": list(overridden)}
    )


def test_a_blank_picture_is_refused_in_words_and_cannot_be_overridden(strict, sent):
    """In the asker's language; nothing is asked, and the record says that it was tried."""
    browser = strict.sign_in("clinician")
    study_id, view = study_with_picture(browser, sent, dicom_bytes(np.zeros((32, 32), np.int16)))

    refused = asked(browser, study_id, view, "blank")

    assert refused.status_code == 409 and refused.json()["error"]["code"] == "scope.blank"
    assert refused.json()["error"]["facts"]["may_override"] is False
    assert "one even brightness" in refused.json()["error"]["sentence"]
    assert browser.get(f"/api/studies/{study_id}/answers").json()["answers"] == []
    assert strict.entries("answer.out_of_scope")[0]["reason"] == "blank"


def test_the_readers_own_window_counts(strict, sent):
    """What is white in one window is a picture in another."""
    browser = strict.sign_in("clinician")
    study_id, view = study_with_picture(browser, sent, dicom_bytes(NOISE))

    refused = asked(browser, study_id, {**view, "center": -900, "width": 10})

    assert refused.json()["error"]["code"] == "scope.blank"
    assert asked(browser, study_id, view).status_code == 202


@pytest.mark.parametrize("route", ["questions", "captions", "report"])
def test_a_warning_that_is_overridden_stands_in_the_record_with_the_question(strict, sent, route):
    """Questions, captions and drafts alike; each warning is asked for once."""
    browser = strict.sign_in("clinician")
    study_id, view = study_with_picture(
        browser,
        sent,
        dicom_bytes(NOISE, modality="MR", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    )

    first = asked(browser, study_id, view, route=route)
    second = asked(browser, study_id, view, "localizer", route=route)
    third = asked(browser, study_id, view, "localizer", "modality", route=route)

    assert first.status_code == 409 and first.json()["error"]["code"] == "scope.localizer"
    assert first.json()["error"]["facts"]["may_override"] is True
    assert second.json()["error"]["code"] == "scope.modality"
    assert "radiograph (chest), CT" in second.json()["error"]["sentence"]
    assert third.status_code == 202, third.text
    answer_id = third.json().get("answer_id") or third.json()["answer_ids"][0]
    entry = strict.entries("answer.scope_overridden")[0]
    assert (entry["object"]["id"], entry["reason"]) == (answer_id, "localizer,modality")


def test_what_is_in_scope_leaves_no_entry(strict, sent):
    """A CT of noise is a CT."""
    browser = strict.sign_in("clinician")
    before = len(strict.entries("answer.scope_overridden"))
    study_id, view = study_with_picture(browser, sent, dicom_bytes(NOISE))

    assert asked(browser, study_id, view, "localizer").status_code == 202
    assert len(strict.entries("answer.scope_overridden")) == before


def test_a_site_can_let_everything_be_overridden(tmp_path, sent):
    """An animal clinic may ask about cats."""
    with open_world(tmp_path, scope_gate="warn") as world:
        browser = world.sign_in("clinician")
        study_id, view = study_with_picture(
            browser, sent, dicom_bytes(NOISE, PatientSpeciesDescription="Feline")
        )

        assert asked(browser, study_id, view).json()["error"]["facts"]["may_override"] is True
        assert asked(browser, study_id, view, "not_human").status_code == 202


def test_another_readers_study_is_not_looked_at(strict, sent):
    """The gate opens no picture for somebody who may not see it."""
    study_id, view = study_with_picture(strict.sign_in("clinician"), sent, dicom_bytes(NOISE))

    assert asked(strict.sign_in("clinician"), study_id, view).status_code == 404


@pytest.fixture(scope="module")
def glass(strict, tmp_path_factory):
    """Somebody's drawn slide: who, the study, the view of it, and a box on glass and one on tissue."""
    path = tmp_path_factory.mktemp("slide") / "drawn.tiff"
    plan = write_drawn_slide(path, 8 * SIZE)
    boxes = [
        [int(column) * SIZE + 40, int(row) * SIZE + 40, 200, 200]
        for row, column in (np.argwhere(plan == 0)[0], np.argwhere(plan > 0)[-1])
    ]
    browser = strict.sign_in("clinician")
    case = taken_in(browser, path.read_bytes())
    (series,) = case["series"]
    instance_id = browser.get(f"/api/series/{series['series_id']}/slide").json()["instance_id"]
    return browser, case["study"]["study_id"], {"instance_id": instance_id}, *boxes


def test_a_slide_is_judged_by_the_tissue_in_the_part_that_is_asked_about(strict, glass):
    """Glass is warned of, tissue is not; that it is histology and the card states none is said of both."""
    browser, study_id, view, empty, full = glass

    on_glass = asked(browser, study_id, {**view, "box": empty})
    on_tissue = asked(browser, study_id, {**view, "box": full})
    across = asked(browser, study_id, view, "modality")

    assert on_glass.json()["error"]["code"] == "scope.no_tissue"
    assert on_tissue.json()["error"]["code"] == "scope.modality"
    assert across.status_code == 202, across.text


def test_one_empty_field_of_a_reading_plan_is_enough_for_a_warning(strict, glass):
    """Nothing is asked until the reader takes it off the plan or goes beyond; what was gone beyond is recorded once."""
    browser, study_id, view, empty, full = glass
    fields = [{**view, "box": box} for box in (full, empty)]

    refused = asked(browser, study_id, view, "modality", route="report", fields=fields)
    shorter = asked(browser, study_id, view, "modality", route="report", fields=fields[:1])
    went_on = asked(browser, study_id, view, "modality", "no_tissue", route="report", fields=fields)

    assert refused.json()["error"]["code"] == "scope.no_tissue"
    assert (shorter.status_code, went_on.status_code) == (202, 202)
    entry = strict.entries("answer.scope_overridden")[0]
    assert (entry["object"]["id"], entry["reason"]) == (
        went_on.json()["answer_ids"][0],
        "no_tissue,modality",
    )


def test_a_box_is_judged_by_what_is_inside(strict, sent):
    """The black corner of a picture shows nothing, although the picture does."""
    pixels = NOISE.copy()
    pixels[:16, :16] = 0
    browser = strict.sign_in("clinician")
    study_id, view = study_with_picture(browser, sent, dicom_bytes(pixels))

    assert asked(browser, study_id, {**view, "box": [2, 2, 8, 8]}).json()["error"]["code"] == "scope.blank"
    assert asked(browser, study_id, {**view, "box": [10, 10, 12, 12]}).status_code == 202


def test_every_drawn_study_can_be_asked_about_without_a_warning(tmp_path, sent):
    """The pictures of the demonstration are what the shipped model's card states, by the shipped card itself."""
    shipped = json.loads(CARD.read_text())
    with open_world(tmp_path, scope_gate="rules", worker_patience_seconds=3600) as world:
        card = replace(ScriptedEngine(()).card, modalities=tuple(shipped["modalities"]))
        with world.services.database.keep_house(SYSTEM) as tx:
            workers.beat(tx, "w", {"model": jobs.model_facts(card)})
        browser = world.sign_in("clinician")
        found = sent(browser, *drawn_files())
        for study in found["studies"]:
            page = browser.get(f"/api/studies/{study['study_id']}").json()
            for series in page["series"]:
                manifest = browser.get(f"/api/series/{series['series_id']}/manifest").json()
                for frame in manifest["frames"]:
                    view = {"instance_id": frame["instance_id"]}
                    assert asked(browser, study["study_id"], view).status_code == 202, series["description"]
