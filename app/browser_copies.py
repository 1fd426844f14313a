"""How long a browser may keep a picture: ten minutes where the patient is its reader's own, else not at all.

What was shared can be taken back and an emergency ends; a picture in the browser's store would outlast both.
"""

from storage.access import Grant


def keeping(grant: Grant | None) -> dict[str, str]:
    """The header that says so."""
    own = grant is not None and grant.way == "owner"
    return {"cache-control": "private, max-age=600" if own else "no-store"}
