"""What every route answers, field by field: one dictionary for each JSON answer, by subject.

A shape is a TypedDict, so a route goes on returning plain dictionaries: mypy compares what it writes down with the
shape, and FastAPI checks what it really answers. A field that no shape names is refused there, it is not dropped: what
nobody described is no answer but an error of the server, and the tests see it. From the description that FastAPI
makes of these (`/openapi.json`) `app.shapes.typescript` writes the page's own types.

A field that may be absent is `NotRequired`; one that may be unknown is `X | None` and always there.
"""

from typing import Annotated, Any, Literal, cast

from pydantic import Field, with_config
from typing_extensions import TypeAliasType, TypedDict

exact: Any = cast(Any, with_config)(extra="forbid", use_attribute_docstrings=True)
"""On every shape: fields it does not name are refused, and the strings under its fields describe them."""

Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""UTC."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Pair = tuple[float, float]
Point3 = tuple[float, float, float]
Role = TypeAliasType("Role", Literal["clinician", "researcher", "admin", "auditor"])
Language = TypeAliasType("Language", Literal["en", "ko"])
Theme = TypeAliasType("Theme", Literal["light", "dark"])


@exact
class Nothing(TypedDict):
    """Done; there is nothing to say of it."""


@exact
class Coded(TypedDict):
    """A fact as its code and in the reader's words."""

    code: str
    sentence: str


@exact
class Made(TypedDict):
    """The id of what was made."""

    id: str
