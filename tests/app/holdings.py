"""One clinician's things, something for every place in a path, so that a door is tried with a real key to a real room."""

from dataclasses import dataclass, field
from typing import Any

from starlette.testclient import TestClient

from storage.users import User
from tests.app.conftest import PASSWORD, World, settled, upload
from tests.app.test_reading import signed, study_with_picture, work
from tests.app.test_slides import taken_in
from tests.samples import ct_series, photo, slide

MARKER = "QUARKFEATHER"
"""Stands in the patient's name, the questions and the report: in no answer to anybody but its owner."""


@dataclass
class Holdings:
    """Whose things they are, signed in, and their ids by the name of their place."""

    user: User
    browser: TestClient
    ids: dict[str, str]
    view: dict[str, Any]
    elsewhere: dict[str, dict[str, str]] = field(default_factory=dict)
    """Other ids for routes that want another kind of thing: a slide, a signed report, an upload that waits."""
    release: str = ""
    """A text of the signed report that waits for its release."""
    colleague: str = ""
    """The id of a clinician with whom nothing is shared yet."""

    def path(self, method: str, route: str) -> str:
        """The route with the ids in their places."""
        own = {**self.elsewhere.get(route, {}), **self.elsewhere.get(f"{method} {route}", {})}
        return route.format_map({"path": "page.css", **self.ids, **own})

    @property
    def secrets(self) -> set[str]:
        """What must not be found in an answer to anybody else."""
        named = {
            value
            for place in (self.ids, *self.elsewhere.values())
            for name, value in place.items()
            if "_id" in name
        }
        return {MARKER, *named} - {self.ids[name] for name in ("user_id", "erasure_id", "hold_id", "team_id")}


def holdings(world: World) -> Holdings:
    """A clinician with studies, marks, answers, a draft, a signed report, a slide, uploads, a token and a request."""
    user = world.person("clinician")
    browser = world.sign_in("clinician", user)
    study_id, view = study_with_picture(browser, _sent, *_ct("71"))
    series = browser.get(f"/api/studies/{study_id}").json()["series"][0]["series_id"]
    drawn = {"tool": "probe", "instance_id": view["instance_id"], "points": [[1, 1]], "label": MARKER}
    mark = browser.post(f"/api/studies/{study_id}/marks", json=drawn)
    asked = browser.post(
        f"/api/studies/{study_id}/questions", json={"question": f"What of {MARKER}?", "view": view}
    )
    begun = browser.post(f"/api/studies/{study_id}/report", json={"indication": MARKER, "view": view})
    work(world)
    of_slide = taken_in(browser, slide(side=256), patient_name=f"{MARKER} Ann", patient_id="QF-2")
    waiting = upload(browser, photo(3))
    settled(browser, waiting)
    looked = {"files": 1, "bytes": 1 << 20, "look_first": True}
    lens = browser.post("/api/uploads", json=looked).json()["upload_id"]
    browser.put(f"/api/uploads/{lens}/files/0", content=_ct("73")[0])
    browser.post(f"/api/uploads/{lens}/finish", json={})
    settled(browser, lens)
    token = browser.post("/api/tokens", json={"label": MARKER, "days": 1, "password": PASSWORD}).json()
    erasure = browser.post(f"/api/studies/{study_id}/erasure", json={"reason": "wrong_upload"})
    held = world.sign_in("admin").post("/api/holds", json={"number": "QF-77", "reason": "legal_claim"})
    shared = browser.post(
        f"/api/studies/{study_id}/access", json={"colleague_id": world.person("clinician").id}
    )
    team = world.sign_in("admin").post("/api/teams", json={"name": f"Chest {user.username}"})
    opened = world.sign_in("clinician").post(
        "/api/emergencies",
        json={"number": "QF-71", "reason": "Unconscious in the shock room.", "password": PASSWORD},
    )
    shown = {"upload_id": upload(browser, photo(4), finish=False), "number": "0", "code": "-"}
    ids = {
        "study_id": study_id,
        "series_id": series,
        "instance_id": view["instance_id"],
        "frame": "0",
        "answer_id": asked.json()["answer_id"],
        "report_id": begun.json()["report_id"],
        "mark_id": mark.json()["id"],
        "token_id": token["id"],
        "session_id": _another_session(world, user),
        "user_id": user.id,
        "erasure_id": erasure.json()["id"],
        "hold_id": held.json()["id"],
        "share_id": shared.json()["id"],
        "team_id": team.json()["id"],
        "emergency_id": opened.json()["id"],
        "depth": "0",
        "column": "0",
        "row": "0",
        **shown,
    }
    of_signed, item = _signed(world, browser)
    glass = {"series_id": of_slide["series"][0]["series_id"]}
    elsewhere = {
        **dict.fromkeys(
            [
                f"/api/series/{{series_id}}/{rest}"
                for rest in ("slide", "fields", "tiles/{depth}/{column}/{row}")
            ],
            glass,
        ),
        "DELETE /api/uploads/{upload_id}": {"upload_id": upload(browser, photo(5), finish=False)},
        "/api/uploads/{upload_id}/pictures/{number}.png": {"upload_id": waiting},
        "/api/uploads/{upload_id}/details": {"upload_id": waiting},
        "/api/uploads/{upload_id}/lens/{number}.png": {"upload_id": lens},
        "/api/uploads/{upload_id}/decision": {"upload_id": lens},
        "/api/reports/{report_id}/addenda": of_signed,
        "/api/studies/{study_id}/releases": of_signed,
        "/api/studies/{study_id}/releases/picture.png": of_signed,
        **{
            f"/api/review/reports/{{report_id}}{rest}": of_signed
            for rest in ("", "/reviews", "/pdf", "/pictures/{number}.png")
        },
    }
    return Holdings(user, browser, ids, view, elsewhere, item, world.person("clinician").id)


def _another_session(world: World, user: User) -> str:
    """The owner signed in elsewhere too."""
    found = world.sign_in("clinician", user).get("/api/account/sessions").json()["sessions"]
    return next(str(one["id"]) for one in found if one["here"])


def of_owner() -> list[bytes]:
    """The files of the owner's first study."""
    return _ct("71")


def _ct(study: str) -> list[bytes]:
    return ct_series(3, study=study, name=f"{MARKER}^Zebulon", patient_id=f"QF-{study}")


def _sent(browser: TestClient, *files: bytes, **more: Any) -> dict[str, Any]:
    return settled(browser, upload(browser, *files, **more))


def _signed(world: World, browser: TestClient) -> tuple[dict[str, str], str]:
    """A signed report whose addendum names the patient; its ids, and the item that waits."""
    study_id, view = study_with_picture(browser, _sent, *_ct("72"))
    browser.post(f"/api/studies/{study_id}/report", json={"indication": "Cough.", "view": view})
    work(world)
    report = browser.get(f"/api/studies/{study_id}/report").json()
    assert signed(browser, report).status_code == 200
    added = {"text": f"Seen with {MARKER}.", "password": PASSWORD}
    assert browser.post(f"/api/reports/{report['id']}/addenda", json=added).status_code == 200
    return {"study_id": study_id, "report_id": report["id"]}, "addendum:1"
