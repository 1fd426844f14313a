"""What the description of the REST API says of answers that are not plain JSON: refusals, pictures, papers, files."""

from typing import Any

from pydantic import BaseModel, Field


class Refusal(BaseModel):
    """Why not, in the asker's language."""

    code: str
    sentence: str
    reference: str = Field(description="Stands in the log of the service beside the cause.")
    lost: bool
    facts: dict[str, int | str | bool]


class RefusalBody(BaseModel):
    """The body of every refusal."""

    error: Refusal


REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": RefusalBody, "description": "Refused"},
    503: {"model": RefusalBody, "description": "Away or busy for the moment"},
    507: {"model": RefusalBody, "description": "The disk is full"},
}


def gives(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The media types of a successful answer, any of them."""
    return {200: {"description": "The content", "content": {kind: {} for kind in kinds}}}


PNG, PDF, RAW = gives("image/png"), gives("application/pdf"), gives("application/octet-stream")
FHIR = gives("application/fhir+json")
