"""The page's types, written from the description of the API: `python -m app.shapes.typescript` writes shapes.ts anew.

Covered: what the shapes of this folder use. Anything else in the description ends in an error, not in a guess.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

Schema = Mapping[str, Any]
TARGET = Path(__file__).parent.parent / "viewer" / "src" / "shapes.ts"
HEAD = """/** What the server answers, as JSON. Ids are random strings; times are ISO 8601 in UTC.
 *
 * Written by `python -m app.shapes.typescript` from the shapes in app/shapes; changes belong there.
 */
"""
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
REFERENCE = "#/components/schemas/"


class NotDescribable(ValueError):
    """A schema that is none of those the shapes use."""


def described() -> dict[str, Any]:
    """The description of every route, without a running service."""
    from app.api import ROUTERS  # the routes themselves import the shapes

    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return app.openapi()


def written(description: Schema) -> str:
    """The text of shapes.ts: every shape that a successful JSON answer is made of, by name."""
    schemas = description["components"]["schemas"]
    found: dict[str, None] = {}
    for answer in answers(description):
        _reach(answer, schemas, found)
    return HEAD + "".join(f"\n{_declared(name, schemas[name])}" for name in sorted(found))


def answers(description: Schema) -> Iterator[Schema]:
    """The schema of every successful JSON answer."""
    for operations in description["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {}).get("application/json")
                if status.startswith("2") and content:
                    yield content["schema"]


def _reach(schema: Any, schemas: Schema, found: dict[str, None]) -> None:
    """Add the names that a schema refers to, and those that these refer to."""
    if isinstance(schema, Mapping):
        name = str(schema.get("$ref", "")).removeprefix(REFERENCE)
        if name and name not in found:
            found[name] = None
            _reach(schemas[name], schemas, found)
        for value in schema.values():
            _reach(value, schemas, found)
    elif isinstance(schema, list):
        for value in schema:
            _reach(value, schemas, found)


def _declared(name: str, schema: Schema) -> str:
    comment = f"/** {schema['description']} */\n" if "description" in schema else ""
    if "properties" not in schema and schema.get("additionalProperties") is not False:
        return f"{comment}export type {name} = {type_of(schema)};\n"
    fields = "".join(_field(field, one, schema) for field, one in schema.get("properties", {}).items())
    rest = "  [fact: string]: unknown;\n" if schema.get("additionalProperties") is True else ""
    return f"{comment}export interface {name} {{\n{fields}{rest}}}\n"


def _field(name: str, schema: Schema, whole: Schema) -> str:
    comment = f"  /** {schema['description']} */\n" if "description" in schema else ""
    optional = "" if name in whole.get("required", ()) else "?"
    return f"{comment}  {name}{optional}: {type_of(schema)};\n"


def type_of(schema: Schema) -> str:
    """A schema as a type; raises NotDescribable."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REFERENCE)
    if "anyOf" in schema:
        return " | ".join(map(type_of, schema["anyOf"]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    if "prefixItems" in schema:
        return f"[{', '.join(map(type_of, schema['prefixItems']))}]"
    kind = schema.get("type")
    if kind == "array" and "items" in schema:
        each = type_of(schema["items"])
        return f"({each})[]" if " | " in each else f"{each}[]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        value = type_of(schema["additionalProperties"])
        keys = schema.get("propertyNames")
        return f"Partial<Record<{type_of(keys)}, {value}>>" if keys else f"Record<string, {value}>"
    if kind in PLAIN:
        return PLAIN[kind]
    raise NotDescribable(f"There is no type for a schema with {sorted(schema)}.")


if __name__ == "__main__":
    TARGET.write_text(written(described()), encoding="utf-8")
