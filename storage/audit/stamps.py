"""Time-stamps of somebody else (RFC 3161) over checkpoints: what stands below one was there at that time.

A checkpoint's own time is this server's word. An authority signs its digest and the time it knows; the token is kept
in a folder beside the checkpoint's bytes, where OpenSSL checks it without us. Without a way to the authority a request
is carried there as a file, and its answer brought back. Covered: what is kept was checked by the roots that are
named. Not covered: whether the authority was revoked since.
"""

import hashlib
import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from storage.durable import make_folder, write_once
from storage.errors import SealBroken
from storage.pdf.signing import apart, roots_in

PATIENCE_SECONDS = 10.0
MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Of a checkpoint over so many entries of a log: the authority's time and name."""

    at: datetime
    size: int
    log: str
    by: str


class Stamps:
    """The folder of tokens, and whom to ask for more."""

    def __init__(self, folder: Path, roots: Path, url: str = ""):
        """roots: certificates (PEM) that a token must lead to. raises: KeyMissing, ValueError"""
        try:
            import pyhanko.sign  # noqa: F401
        except ImportError as error:
            raise ValueError(
                "Time-stamps want the extra `papers`: pip install 'dragonfly-med[papers]'."
            ) from error
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("A time-stamp authority is asked at an address with http:// or https://.")
        self.folder, self._roots, self.url = folder, roots_in(roots), url

    def ask(self, checkpoint: bytes) -> Stamp:
        """Let the authority stamp these bytes, and keep it; raises OSError, SealBroken."""
        from asn1crypto import tsp
        from pyhanko.sign.timestamps import TimeStamper

        url = self.url

        class Asked(TimeStamper):
            async def async_request_tsa_response(self, req: Any) -> Any:
                return tsp.TimeStampResp.load(_posted(url, req.dump()))

        try:
            token = _made(lambda: Asked().async_timestamp(_digest(checkpoint), "sha256")).dump()
        except OSError:
            raise
        except Exception as error:  # whatever is no answer of an authority raises whatever it raises
            raise SealBroken(kind=type(error).__name__) from error
        return self.keep(checkpoint, token)

    def take(self, checkpoint: bytes, response: bytes) -> Stamp:
        """Keep an answer that was brought as a file; raises SealBroken."""
        from asn1crypto import tsp
        from pyhanko.sign.timestamps.common_utils import handle_tsp_response

        try:
            token = handle_tsp_response(tsp.TimeStampResp.load(response), None).dump()
        except Exception as error:
            raise SealBroken(kind=type(error).__name__) from error
        return self.keep(checkpoint, token)

    def keep(self, checkpoint: bytes, token: bytes) -> Stamp:
        """Check it as a stranger would, and keep both; raises SealBroken, OSError."""
        stamp = judged(checkpoint, token, self._roots)
        make_folder(self.folder)
        write_once(self.folder / f"{name_of(checkpoint)}.json", checkpoint)
        write_once(self.folder / f"{name_of(checkpoint)}.tst", token)
        return stamp

    def everything(self) -> list[Stamp]:
        """What is kept, oldest first; raises SealBroken, OSError."""
        return sorted(
            judged(file.with_suffix(".json").read_bytes(), file.read_bytes(), self._roots)
            for file in sorted(self.folder.glob("*.tst"))
        )


def request_for(checkpoint: bytes) -> bytes:
    """The file to carry to an authority (application/timestamp-query)."""
    from pyhanko.sign.timestamps import TimeStamper

    _, request = TimeStamper(include_nonce=False).request_cms(_digest(checkpoint), "sha256")
    return bytes(request.dump())


def name_of(checkpoint: bytes) -> str:
    """Under which its files lie: how many entries it is over, of which log, and its digest."""
    told = json.loads(checkpoint)
    return f"{int(told['size']):010d}-{str(told['log'])[:8]}-{_digest(checkpoint).hex()[:16]}"


def judged(checkpoint: bytes, token: bytes, roots: Iterable[Any]) -> Stamp:
    """What a token says of these bytes; raises SealBroken when it says nothing that holds."""
    from asn1crypto import cms
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko.sign.validation.status import TimestampSignatureStatus
    from pyhanko_certvalidator import ValidationContext

    try:
        signed = cms.ContentInfo.load(token)["content"]
        moment = signed["encap_content_info"]["content"].parsed["gen_time"].native
        # At the time it names: an authority's certificate may have ended since.
        context = ValidationContext(
            trust_roots=list(roots), allow_fetching=False, moment=moment, best_signature_time=moment
        )
        told = _made(
            lambda: validate_tst_signed_data(
                signed, context, lambda name: hashlib.new(name, checkpoint).digest()
            )
        )
        status = TimestampSignatureStatus(**told)
        facts = json.loads(checkpoint)
    except Exception as error:  # hostile bytes raise whatever they raise, and nothing of them is true
        raise SealBroken(kind=type(error).__name__) from error
    if not (status.intact and status.valid and status.trusted):
        raise SealBroken(intact=bool(status.intact and status.valid), trusted=bool(status.trusted))
    return Stamp(status.timestamp, facts["size"], facts["log"], status.signing_cert.subject.human_friendly)


def about(
    stamps: list[Stamp], log: str, checkpoints: dict[int, tuple[bytes, datetime]], of: Path
) -> list[str]:
    """Sentences for an auditor: how far the time-stamps reach, and the longest time without one.

    checkpoints: bytes and own time by size, of the log that was verified
    raises: LookupError when a stamped checkpoint is not one of the log's
    """
    mine = [one for one in stamps if one.log == log]
    for one in mine:
        known = checkpoints.get(one.size)
        if known is None or not (of / f"{name_of(known[0])}.tst").exists():
            raise LookupError(
                f"the checkpoint of {one.size} entries that was time-stamped at {one.at} is not in the log"
            )
    if not mine:
        return [f"No checkpoint of this log carries a time-stamp; {len(stamps)} are of other logs."]
    times = sorted(moment for _, moment in checkpoints.values())
    moments = [times[0], *(one.at for one in mine), times[-1]]
    gap, since = max((after - before, before) for before, after in pairwise(moments))
    ahead = max(checkpoints[one.size][1] - one.at for one in mine)
    last = mine[-1]
    lines = [
        f"{len(mine)} of {len(checkpoints)} checkpoints carry a time-stamp; the last says that the first {last.size} "
        f"entries stood at {last.at.isoformat()} ({last.by}).",
        f"The longest time without one is {gap.total_seconds() / 3600:.1f} hours, from {since.isoformat()}.",
    ]
    if ahead > timedelta(seconds=2):
        lines.append(
            f"The server's clock was ahead of the authority's by {ahead.total_seconds():.0f} seconds."
        )
    return lines


def _made(work: Any) -> Any:
    import asyncio

    return apart(lambda: asyncio.run(work()))


def _digest(checkpoint: bytes) -> bytes:
    return hashlib.sha256(checkpoint).digest()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _posted(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(url, body, {"content-type": "application/timestamp-query"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            data: bytes = answer.read(MOST_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise OSError(f"The time-stamp authority answered {error.code}.") from None
    if len(data) > MOST_BYTES:
        raise OSError("The answer of the time-stamp authority is too long.")
    return data
