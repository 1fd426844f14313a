"""UIDs without a registry: 2.25 and 128 bits (PS3.5 B.2), and pseudonyms, derived so that separate runs agree."""

import base64
import hashlib
import hmac


def derived_uid(uid: str, secret: bytes) -> str:
    """The UID that stands for another one: the same for the same secret, and no way back without it."""
    return _from_digest(hmac.new(secret, uid.encode(), hashlib.sha256).digest())


def pseudonym_of(patient: str, secret: bytes) -> str:
    """P- and ten letters and digits that stand for a patient: the same for the same secret, and no way back."""
    digest = hmac.new(secret, b"pseudonym of " + patient.encode(), hashlib.sha256).digest()
    return f"P-{base64.b32encode(digest)[:10].decode()}"


def patient_of(issuer: str, number: str, name: str) -> str:
    """What tells one patient from the next: issuer and number, or the name where there is no number."""
    return f"{issuer}\n{number}" if number else name


def content_uid(content: bytes) -> str:
    """The UID of a picture that has none: the same picture is known again."""
    return uid_of_digest(hashlib.sha256(content).digest())


def uid_of_digest(digest: bytes) -> str:
    """The same, of a digest that was taken piece by piece."""
    return _from_digest(digest)


def _from_digest(digest: bytes) -> str:
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
