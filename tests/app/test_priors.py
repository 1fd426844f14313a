"""Other studies of the same patient are found for their reader, and what is needed to leaf through them together."""

from tests.samples import ct_series


def taken_in(browser, sent, study, date, patient="PRIOR-1", **more):
    return sent(browser, *ct_series(2, study=study, StudyDate=date, patient_id=patient, **more))["studies"][
        0
    ]["study_id"]


def test_the_patients_other_studies_stand_beside_one(world, sent):
    """The latest first; not the study itself, no other patient's and no other reader's."""
    browser, other = world.sign_in("clinician"), world.sign_in("clinician")
    old = taken_in(browser, sent, "9101", "20250110")
    now = taken_in(browser, sent, "9102", "20261101")
    between = taken_in(browser, sent, "9103", "20251231")
    taken_in(browser, sent, "9104", "20251111", patient="PRIOR-2")
    taken_in(other, sent, "9105", "20251212")

    found = browser.get(f"/api/studies/{now}/priors").json()["priors"]

    assert [one["study_id"] for one in found] == [between, old]
    assert [one["study_date"] for one in found] == ["2025-12-31", "2025-01-10"]
    assert found[0]["series"][0]["count"] == 2
    assert other.get(f"/api/studies/{now}/priors").status_code == 404
    assert world.entries("study.listed", object_id=now)


def test_frames_say_where_they_lie_and_in_which_space(world, sent):
    """Position and direction; the space is the same for one frame of reference, and is not its UID."""
    browser = world.sign_in("clinician")
    uid = "1.2.826.0.1.3680043.8.498.77"
    manifests = []
    for study, space in (("9201", uid), ("9202", uid), ("9203", None)):
        more = {"FrameOfReferenceUID": space} if space else {}
        study_id = taken_in(browser, sent, study, "20260101", **more)
        series = browser.get(f"/api/studies/{study_id}").json()["series"][0]["series_id"]
        manifests.append(browser.get(f"/api/series/{series}/manifest"))

    one, same, none = (answer.json() for answer in manifests)
    assert one["space"] == same["space"] and none["space"] is None
    assert uid not in manifests[0].text
    assert one["frames"][0]["orientation"] == [1, 0, 0, 0, 1, 0]
    assert one["frames"][1]["position_mm"] == [0, 0, 5.0]
