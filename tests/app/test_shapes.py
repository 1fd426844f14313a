"""What every route answers is described field by field, nothing else gets out, and the page has the same types."""

import re
from collections.abc import Iterator
from typing import Any, NotRequired

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from typing_extensions import TypedDict

from app.shapes import exact
from app.shapes.typescript import TARGET, NotDescribable, answers, described, type_of, written

OPEN = {
    "Entry": "an entry of the record is answered as it was signed, with the facts of its action",
    "SealedEntry": "of a receipt: its very bytes are what the proof is about",
}


@exact
class Room(TypedDict):
    """A room."""

    number: int
    beds: NotRequired[int]


@pytest.fixture(scope="module")
def description():
    """Of every route of the application."""
    return described()


def _objects(schema: Any, schemas: dict[str, Any], seen: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object that a schema is made of, with the name it stands under."""
    if isinstance(schema, list):
        for one in schema:
            yield from _objects(one, schemas, seen)
    if not isinstance(schema, dict):
        return
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    if name and name not in seen:
        seen.add(name)
        yield from (
            (name if inner == "?" else inner, one) for inner, one in _objects(schemas[name], schemas, seen)
        )
    if schema.get("type") == "object":
        yield "?", schema
    for one in schema.values():
        yield from _objects(one, schemas, seen)


def test_every_answer_names_its_fields_and_no_others(description):
    """A bare object would let any field out, and no check of the description would look at it."""
    seen: set[str] = set()
    found = [
        (name, one)
        for answer in answers(description)
        for name, one in _objects(answer, description["components"]["schemas"], seen)
    ]
    loose = {name for name, one in found if one.get("additionalProperties", True) is True}

    assert len(found) > 90
    assert loose == set(OPEN)


def test_no_two_shapes_have_one_name(description):
    """Two of one name would be told apart by their modules, and the page would have neither."""
    assert [name for name in description["components"]["schemas"] if "__" in name] == []


def test_the_page_has_the_types_of_the_description(description):
    """`python -m app.shapes.typescript` writes them anew; the compiler then says what of the page no longer fits."""
    assert TARGET.read_text(encoding="utf-8") == written(description)


def test_the_page_asks_for_nothing_but_shapes(description):
    """A type written beside a request would be the page's own idea of the answer; the compiler believes it."""
    asked = re.compile(r"\b(?:get|post|put|patch|request)<([^>(]+>?)>\(")
    known = {*description["components"]["schemas"], "Record<string, string>", "Saved"}
    found: set[tuple[str, str]] = set()
    for file in set(TARGET.parent.rglob("*.ts")) - {TARGET.parent / "api.ts"}:
        text = file.read_text(encoding="utf-8")
        renamed = {new: old for old, new in re.findall(r"(\w+) as (\w+)", text)}
        names = (one.removesuffix("[]") for one in asked.findall(text))
        found |= {(file.name, renamed.get(name, name)) for name in names}

    assert len(found) > 40
    assert {one for one in found if one[1] not in known} == set()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"number": 3}, 200),
        ({"number": 3, "beds": 2}, 200),
        ({"number": 3, "patient": "Ann"}, 500),
        ({"beds": 2}, 500),
        ({"number": "three"}, 500),
        ({"number": 3, "beds": None}, 500),
    ],
)
def test_a_field_that_nobody_described_does_not_leave(answer, status):
    """It is not dropped in silence either: the answer is an error, so that a test sees it."""
    app = FastAPI()
    app.add_api_route("/room", lambda: answer, response_model=Room)

    got = TestClient(app, raise_server_exceptions=False).get("/room")

    assert got.status_code == status
    assert "Ann" not in got.text
    assert status != 200 or got.json() == answer


def test_a_shape_becomes_a_type():
    """Each kind of schema that the shapes use, as it is written for the page."""
    text, number = {"type": "string"}, {"type": "integer"}
    pair = {"type": "array", "prefixItems": [number, text]}
    kinds: list[tuple[dict[str, Any], str]] = [
        ({"$ref": "#/components/schemas/Room"}, "Room"),
        ({"anyOf": [text, {"type": "null"}]}, "string | null"),
        ({"enum": ["low", "high"], "type": "string"}, '"low" | "high"'),
        ({"const": "v1", "type": "string"}, '"v1"'),
        (pair, "[number, string]"),
        ({"type": "array", "items": {"anyOf": [pair, text]}}, "([number, string] | string)[]"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "Record<string, boolean>"),
        (
            {"type": "object", "additionalProperties": text, "propertyNames": {"enum": ["a", "b"]}},
            'Partial<Record<"a" | "b", string>>',
        ),
    ]
    shape = {
        "type": "object",
        "description": "A room.",
        "properties": {"number": number, "beds": {**number, "description": "Free ones."}},
        "required": ["number"],
    }
    answer = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Room"}}}}}
    whole = {"components": {"schemas": {"Room": shape}}, "paths": {"/room": {"get": {"responses": answer}}}}

    assert [type_of(schema) for schema, _ in kinds] == [said for _, said in kinds]
    assert written(whole).endswith(
        "/** A room. */\nexport interface Room {\n  number: number;\n  /** Free ones. */\n  beds?: number;\n}\n"
    )


def test_what_has_no_type_is_not_guessed():
    """A shape of anything would be `unknown` for the page, and drift unseen."""
    with pytest.raises(NotDescribable):
        type_of({"type": "object"})
