"""The description of the REST API holds: whatever is sent, no error of the server and no answer it does not name."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from hypothesis import HealthCheck, Phase, given, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.failures import Failure, FailureGroup
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

from starlette.testclient import TestClient

from app.policy import ALL, rule_for
from app.shapes import Made
from tests.app.conftest import World, open_world
from tests.app.holdings import Holdings, holdings
from tests.app.test_routes import STREAM, every_route

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
LEFT_OUT = {STREAM: "lasts until a worker ends the answer"}
FEW, MANY = 2, 60


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An application of its own, which gets nonsense by the thousand."""
    with open_world(tmp_path_factory.mktemp("described")) as opened:
        yield opened


@pytest.fixture(scope="module")
def held(world):
    """A clinician's things, so that some of what is sent is about something."""
    return holdings(world)


@pytest.fixture(scope="module")
def described(world):
    """The operations of the description, by method and path."""
    whole = with_even_tuples(json.loads(json.dumps(world.client.app.app.openapi())))
    found = [one.ok() for one in schemathesis.openapi.from_dict(whole).get_all_operations()]
    return {(one.method.upper(), one.path): one for one in found}


def with_even_tuples(schema: Any) -> Any:
    """The same description with each tuple of equal parts as an array of that length, which means the same.

    Schemathesis 4.32 rewrites the tuples of an answer (prefixItems) to an older draft and then refuses its own work.
    """
    if isinstance(schema, list):
        return [with_even_tuples(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: with_even_tuples(one) for name, one in schema.items()}
    if parts := plain.pop("prefixItems", None):
        assert all(one == parts[0] for one in parts) and plain["minItems"] == plain["maxItems"] == len(parts)
        plain["items"] = parts[0]
    return plain


def test_every_route_under_api_is_described(described, world):
    """What is not described is not tested here; nothing hides."""
    routes = {
        (m, p)
        for m, p in every_route(world.client.app.app)
        if p.startswith("/api") and m not in ("HEAD", "OPTIONS")
    }

    assert set(described) - {("GET", "/health"), ("GET", "/ready")} == routes


@pytest.mark.parametrize("role", [*ALL, None], ids=str)
def test_a_few_of_everything_is_answered_as_described(world, held, described, role):
    """Each operation as each role with valid, with broken and with real values: never an error of the server."""
    _try_all(world, held, described, role, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("role", [*ALL, None], ids=str)
def test_much_of_everything_is_answered_as_described(world, held, described, role):
    """The same by the hundred."""
    _try_all(world, held, described, role, MANY)


def _try_all(world: World, held: Holdings, described, role: str | None, examples: int) -> None:
    browser = held.browser if role == "clinician" else world.sign_in(role) if role else world.browser()
    problems = []
    for (method, path), operation in described.items():
        if path in LEFT_OUT:
            continue
        rule = rule_for(method, held.path(method, path))
        mine = rule is not None and (rule.roles is None or role in rule.roles)
        for mode, ids in _ways(held, operation, mine):
            problems += _tried(browser, operation, mode, ids, examples if mine else 1)
    assert problems == []


def _ways(held: Holdings, operation, mine: bool) -> Iterator[tuple[GenerationMode, dict[str, str]]]:
    """Any values at any ids, and, for whoever may, at real ones; what ends the things is only tried at others."""
    method, path = operation.method.upper(), operation.path
    yield GenerationMode.POSITIVE, {}
    if mine and method != "DELETE":
        own = {**held.ids, **held.elsewhere.get(path, {})}
        real = {name: value for name, value in own.items() if f"{{{name}}}" in path and "user" not in name}
        if real:
            yield GenerationMode.POSITIVE, real
        # Without a query or a body there is nothing to break, which would be searched for at length.
        if list(operation.query) or list(operation.body):
            yield GenerationMode.NEGATIVE, real


def _tried(browser, operation, mode: GenerationMode, ids: dict[str, str], examples: int) -> list[str]:
    problems: list[str] = []

    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case) -> None:
        case.path_parameters = {**case.path_parameters, **ids}
        sent = case.as_transport_kwargs(base_url="https://testserver")
        sent["headers"] = {
            k: v for k, v in dict(sent.pop("headers", {})).items() if k.lower() != "user-agent"
        }
        sent.pop("cookies", None)
        if isinstance(sent.get("data"), bytes):
            sent["content"] = sent.pop("data")
        answer = browser.request(**sent)
        try:
            case.validate_response(answer, checks=CHECKS)
        except (Failure, FailureGroup) as error:
            problems.append(
                f"{case.method} {sent['url']} {sent.get('json')}: {answer.status_code} {error}"[:900]
            )

    ask()
    return problems


def test_these_checks_see_what_they_are_for():
    """A crash, a status that is not described, another media type, another shape and a field too many are each reported."""
    app = FastAPI()
    answers = {
        "/crash": lambda: JSONResponse({}, 500),
        "/status": lambda: JSONResponse({}, 418),
        "/kind": lambda: Response("x", media_type="text/plain"),
        "/shape": lambda: JSONResponse("x"),
        "/field": lambda: JSONResponse({"id": "b", "patient": "Ann"}),
        "/right": lambda: JSONResponse({"id": "b"}),
    }
    for path, answer in answers.items():
        app.add_api_route(path, answer, response_model=Made)
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(app.openapi())))
    browser = TestClient(app, base_url="https://testserver")

    found = {
        one.ok().path: _tried(browser, one.ok(), GenerationMode.POSITIVE, {}, 1)
        for one in schema.get_all_operations()
    }

    assert {path for path, problems in found.items() if problems} == set(answers) - {"/right"}
