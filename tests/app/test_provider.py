"""Signing in at a hospital's provider, against a real one; and everything that must not let anybody in."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.app.conftest import HOST, PASSWORD, open_world
from tests.app.hospital import SECRET, another_key, minted_by_hand, open_hospital

BASE = f"https://{HOST}"


@pytest.fixture(scope="module")
def hospital():
    """A provider on this machine."""
    with open_hospital(f"{BASE}/login/provider/return") as opened:
        yield opened


@pytest.fixture
def staff(hospital):
    """Nothing bent, somebody signed in there."""
    hospital.claims = {"sub": "s-1", "preferred_username": "dr.lee", "groups": ["radiology"]}
    hospital.forged, hospital.ahead_seconds, hospital.mint = {}, 0, None
    hospital.signing_key = hospital.keys
    hospital.server.codes.clear()
    return hospital


def settings_for(hospital, folder, **more):
    secret = folder / "secret"
    secret.write_text(SECRET + "\n")
    return {
        "oidc_issuer": hospital.issuer,
        "oidc_client_secret": secret,
        "public_url": BASE,
        "oidc_roles": "radiology=clinician,it=admin,board=auditor",
        **more,
    }


@pytest.fixture(scope="module")
def world(hospital, tmp_path_factory):
    folder = tmp_path_factory.mktemp("provider")
    with open_world(folder / "data", **settings_for(hospital, folder)) as opened:
        opened.person("clinician", "dr.lee")
        yield opened


def there(browser, target="/app/study"):
    """From our page to the provider and its answer: the address on which one comes back."""
    left = browser.get(f"/login/provider?next={target}")
    assert left.status_code == 303, left.text
    answer = httpx.get(left.headers["location"], follow_redirects=False, trust_env=False)
    return answer.headers["location"]


def back(browser, address):
    return browser.get(address)


def test_who_is_known_here_comes_in_and_where_they_wanted(world, staff):
    """Code, PKCE, state and nonce as the provider wants them; the page goes on by itself, the record says how."""
    browser = world.browser()
    asked = {
        k: v[0]
        for k, v in parse_qs(urlsplit(browser.get("/login/provider").headers["location"]).query).items()
    }

    answer = back(browser, there(browser))

    assert asked["code_challenge_method"] == "S256" and asked["response_type"] == "code"
    assert len(asked["state"]) == len(asked["nonce"]) == len(asked["code_challenge"]) == 43
    assert answer.status_code == 200
    assert re.search(r'http-equiv="refresh" content="0;url=/app/study"', answer.text)
    assert browser.get("/api/session").json()["user"]["username"] == "dr.lee"
    assert "__Host-dragonfly-way" not in browser.cookies
    assert world.entries("session.opened")[0]["actor"]["auth"] == "provider"


def test_the_lasting_name_counts_and_not_the_user_name(world, staff):
    """A user name that the provider gives to somebody else later opens nothing; the first person is still known."""
    world.person("clinician", "dr.han")
    staff.claims = {**staff.claims, "sub": "han-1", "preferred_username": "dr.han"}
    first = back(browser := world.browser(), there(browser)).status_code
    staff.claims = {**staff.claims, "sub": "han-2"}
    second = back(browser := world.browser(), there(browser))
    staff.claims = {**staff.claims, "sub": "han-1", "preferred_username": "renamed"}
    third = back(browser := world.browser(), there(browser)).status_code

    assert (first, second.status_code, third) == (200, 401, 200)
    assert "nobody here has it" in second.text


def test_the_role_is_what_the_group_stands_for(world, staff):
    """One mapped group is one role, kept in the record; none or several is nobody."""
    user = world.person("clinician", "dr.choi")
    claims = {"sub": "choi", "preferred_username": "dr.choi"}
    states = []
    for groups in (["board", "other"], ["it", "board"], ["other"], "radiology"):
        staff.claims = {**claims, "groups": groups}
        browser = world.browser()
        states.append(back(browser, there(browser)).status_code)
        if groups == ["board", "other"]:
            role = browser.get("/api/session").json()["user"]["role"]

    assert states == [200, 401, 401, 200]
    assert role == "auditor"
    assert [one["role"] for one in world.entries("user.changed", object_id=user.id)] == [
        "clinician",
        "auditor",
    ]


def test_nobody_unknown_or_ended_is_let_in(world, staff):
    """The provider's word alone makes no account; an ended one stays ended; the sentence says what to do."""
    ended = world.person("clinician", "dr.gone")
    world.sign_in("admin").patch(f"/api/users/{ended.id}", json={"active": False})
    for name in ("dr.nobody", "dr.gone"):
        staff.claims = {**staff.claims, "sub": name, "preferred_username": name}
        browser = world.browser()
        answer = browser.get(there(browser), headers={"accept-language": "ko"})

        assert answer.status_code == 401
        assert "관리자에게 등록을 요청하십시오" in answer.text
        assert browser.get("/api/session").status_code == 401


FORGED = {
    "issuer": {"iss": "https://evil.example"},
    "audience": {"aud": "somebody-else"},
    "several audiences": {"aud": ["dragonfly-med", "other"]},
    "other party": {"aud": "dragonfly-med", "azp": "other"},
    "nonce": {"nonce": "guessed"},
    "no nonce": {"nonce": None},
    "expired": {"exp": 1_700_000_000},
    "from the future": {"iat": 4_000_000_000},
    "no end": {"exp": None},
    "no name": {"sub": None},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_token_that_is_not_exactly_right_opens_nothing(world, staff, forged):
    """Issuer, audience, nonce and times are checked one by one, in a token that is signed as it should be."""
    staff.forged = forged
    browser = world.browser()

    answer = back(browser, there(browser))

    assert answer.status_code == 401
    assert browser.get("/api/session").status_code == 401
    assert world.entries("session.refused")[0]["reason"] == "login.provider.failed"


@pytest.mark.parametrize("kind", ["other key", "no signature", "public key as secret"])
def test_a_signature_that_is_not_the_providers_opens_nothing(world, staff, kind):
    """Algorithms are ours to choose and never the token's: none and shared secrets are not among them."""
    if kind == "other key":
        staff.signing_key = another_key()
    else:
        alg = "none" if kind == "no signature" else "HS256"
        staff.mint = minted_by_hand(alg, staff.keys.as_pem(private=False))
    browser = world.browser()

    answer = back(browser, there(browser))

    assert answer.status_code == 401
    assert browser.get("/api/session").status_code == 401
    assert world.entries("session.refused")[0]["reason"] == "login.provider.failed"


def test_the_way_back_is_only_for_who_left_and_only_once(world, staff):
    """Another browser, another state, no cookie, an altered one, a code used twice: nobody is let in."""
    mine, other = world.browser(), world.browser()
    there(other)
    address = there(mine)
    elsewhere = back(other, address).status_code
    nobody = back(world.browser(), address).status_code
    guessed = back(mine, re.sub(r"state=[^&]+", "state=guessed", address)).status_code
    bent = world.browser(cookie="__Host-dragonfly-way=bent").get(address).status_code
    mixed = there(mine) + "&iss=https://evil.example"

    assert (elsewhere, nobody, guessed, bent) == (401, 401, 401, 401)
    assert back(mine, mixed).status_code == 401


def test_a_code_is_worth_nothing_twice(world, staff):
    """Whoever copies the address and the cookie is refused by the provider, and so here."""
    browser = world.browser()
    address = there(browser)
    way = browser.cookies["__Host-dragonfly-way"]

    first = back(browser, address).status_code
    again = world.browser(cookie=f"__Host-dragonfly-way={way}").get(address).status_code

    assert (first, again) == (200, 401)


@pytest.mark.parametrize(("ahead", "status"), [(-350, 200), (-370, 401), (50, 200), (70, 401)])
def test_clocks_may_be_a_minute_apart(world, staff, ahead, status):
    """A token lasts five minutes: sixty seconds more pass, seventy do not; the same for one from the future."""
    staff.ahead_seconds = ahead
    browser = world.browser()

    assert back(browser, there(browser)).status_code == status


def test_pinned_keys_are_the_only_ones(staff, tmp_path):
    """With a file of keys the provider is not asked for any, and a key that it has since is none."""
    pinned = tmp_path / "jwks.json"
    pinned.write_text(json.dumps(staff.jwks()))
    with open_world(tmp_path / "data", **settings_for(staff, tmp_path, oidc_keys=pinned)) as world:
        world.person("clinician", "dr.lee")
        right = back(browser := world.browser(), there(browser)).status_code
        newer = another_key()
        staff.keys, kept = newer, staff.keys
        staff.signing_key = newer
        try:
            wrong = back(browser := world.browser(), there(browser)).status_code
        finally:
            staff.keys = staff.signing_key = kept

        assert (right, wrong) == (200, 401)


def test_a_provider_that_is_away_leaves_the_local_way_open(tmp_path):
    """The page says so, and name and password are beneath it; a site without a provider shows and answers nothing."""
    away = {"oidc_issuer": "http://127.0.0.1:9", "public_url": BASE}
    with open_world(tmp_path, **away) as world:
        answer = world.browser().get("/login/provider")
        assert answer.status_code == 401
        assert "does not answer" in answer.text and 'name="password"' in answer.text
        assert "/login/provider?next=" in answer.text
        assert world.sign_in("clinician").get("/api/session").status_code == 200


def test_a_second_factor_is_asked_for_after_the_provider_too(world, staff):
    """Whoever set one up is asked for its code, whichever way they come."""
    from tests.app.test_second_factor import enrol

    user = world.person("clinician", "dr.two")
    enrol(world, world.sign_in("clinician", user))
    staff.ahead_seconds = world.clock.later.total_seconds()
    staff.claims = {**staff.claims, "sub": "two", "preferred_username": "dr.two"}
    browser = world.browser()

    answer = back(browser, there(browser))

    assert "/login/code?next=" in answer.text
    assert browser.get("/api/session").status_code == 401
    assert PASSWORD not in answer.text
