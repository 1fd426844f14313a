"""The site's seal on a signed report: a digital signature (PAdES) that any reader of PDF can check without us.

The folder of the seal holds
    site.p12                         certificate, its chain and key (PKCS#12), or in its place
    certificate.pem, key.pem         the same as PEM, the site's own certificate first
    passphrase.txt                   of site.p12 or key.pem, where they have one
    roots.pem                        whom whoever checks trusts; with it the paper carries what proves it later
    *.crl                            lists of revoked certificates (DER or PEM) of everyone in the chains
    stamp.pem, stamp-key.pem         certificate (RSA, for time-stamps) and key of the site's own time-stamps
Without roots it is PAdES B-B, or B-T with time-stamps; with both B-LTA, which can be checked after the
certificates ended. The paper is certified: nothing may be added or changed afterwards. Nothing is fetched from
anywhere. Covered: what leaves was checked as a stranger would check it, before it leaves. Not covered: keys in
hardware, time-stamps of somebody else's service.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from storage.durable import refuse_exposed
from storage.errors import KeyMissing, SealBroken

FIELD = "Seal"
SECRETS = ("site.p12", "key.pem", "passphrase.txt", "stamp-key.pem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a digital signature says: who by the certificate, when by its time-stamp or else by the signer's clock.

    intact: the bytes are those that were signed and nothing came after them
    trusted: the certificate leads to a root that the asker named, was not revoked, and counted at that time
    """

    by: str
    certificate_sha256: str
    at: datetime | None
    is_stamped: bool
    intact: bool
    trusted: bool


class Seal:
    """The keys in one folder."""

    def __init__(self, folder: Path):
        """raises: KeyExposed, KeyMissing"""
        for name in SECRETS:
            refuse_exposed(folder / name)
        self._roots = roots_in(folder / "roots.pem") if (folder / "roots.pem").exists() else []
        self._lists = [_der(one) for one in sorted(folder.glob("*.crl"))]
        self._signer, self._stamper = _signer(folder), _stamper(folder)

    @property
    def level(self) -> str:
        """Which level of PAdES (ETSI EN 319 142-1) its papers have."""
        if self._stamper is None:
            return "B-B"
        return "B-LTA" if self._roots else "B-T"

    def sign(self, paper: bytes) -> tuple[bytes, Sealed]:
        """The paper with the seal at its end, and what a stranger finds in it.

        raises: SealBroken when that is not a signature that holds; takes about a second, so never on an event loop
        """
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import PdfSignatureMetadata, PdfSigner
        from pyhanko.sign.fields import InvisSigSettings, MDPPerm, SigFieldSpec, SigSeedSubFilter

        told = PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=MDPPerm.NO_CHANGES,
            embed_validation_info=self.level == "B-LTA",
            use_pades_lta=self.level == "B-LTA",
            validation_context=self._context() if self.level == "B-LTA" else None,
        )
        # Outside of the page: what nobody sees need not be read aloud (PDF/UA), and must not be hidden (PDF/A).
        field = SigFieldSpec(
            FIELD,
            readable_field_name="Digital signature of the institution",
            invis_sig_settings=InvisSigSettings(box_out_of_bounds=True),
        )
        signer = PdfSigner(told, self._signer, timestamper=self._stamper, new_field_spec=field)
        try:
            data = apart(lambda: signer.sign_pdf(IncrementalPdfFileWriter(BytesIO(paper))).getvalue())
        except Exception as error:  # the library has a tree of its own for each of its parts
            raise SealBroken(kind=type(error).__name__) from error
        found = sealed(data, self._roots or [self._signer.signing_cert], self._lists)
        # Of a certificate that is trusted as such, nobody asks whether it has begun or ended.
        own, now = self._signer.signing_cert, datetime.now(UTC)
        in_time = own.not_valid_before <= now <= own.not_valid_after
        if found is None or not (found.intact and found.trusted and in_time):
            raise SealBroken(
                intact=bool(found and found.intact), trusted=bool(found and found.trusted), in_time=in_time
            )
        return data, found

    def _context(self) -> Any:
        return _context(self._roots, self._lists)


def apart(work: Callable[[], Any]) -> Any:
    """The result of work that starts an event loop: in a thread of its own, where none can be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def sealed(data: bytes, roots: Iterable[Any], lists: Iterable[bytes] = ()) -> Sealed | None:
    """What the digital signature of a paper says, judged by these roots; None where it has none.

    lists: of revoked certificates, beside those that the paper itself carries
    """
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.dss import DocumentSecurityStore

    try:
        reader = PdfFileReader(BytesIO(data))
        signatures = reader.embedded_regular_signatures
        if not signatures:
            return None
        embedded = signatures[0]
        certificate = embedded.signer_cert
        inside: list[bytes] = []
        if "/DSS" in reader.root:
            inside = [one.get_object().data for one in DocumentSecurityStore.read_dss(reader).crls]
        context = lambda: _context(list(roots), [*lists, *inside])  # noqa: E731
        status = apart(lambda: validate_pdf_signature(embedded, context(), context()))
    except Exception as error:  # hostile bytes raise whatever they raise, and nothing of them is true
        raise SealBroken(kind=type(error).__name__) from error
    stamp = status.timestamp_validity
    return Sealed(
        by=str(certificate.subject.native.get("common_name") or certificate.subject.human_friendly),
        certificate_sha256=certificate.sha256.hex(),
        at=stamp.timestamp if stamp else status.signer_reported_dt,
        is_stamped=bool(stamp and stamp.valid and stamp.trusted),
        # After an addition the signature itself goes on being valid; only the certification says no.
        intact=bool(status.intact and status.valid and status.docmdp_ok),
        trusted=bool(status.bottom_line),
    )


def roots_in(file: Path) -> list[Any]:
    """The certificates of a PEM or DER file; raises KeyMissing."""
    from pyhanko.keys import load_certs_from_pemder

    try:
        found = list(load_certs_from_pemder([str(file)]))
    except (OSError, ValueError) as error:
        raise KeyMissing(key=file.name) from error
    if not found:
        raise KeyMissing(key=file.name)
    return found


def open_seal(folder: Path | None) -> Seal | None:
    """The seal of the site, None where it has none.

    raises: KeyExposed, KeyMissing; ValueError where the library that signs is not installed
    """
    if folder is None:
        return None
    try:
        import pyhanko.sign  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "Sealed papers want the extra `papers`: pip install 'dragonfly-med[papers]'."
        ) from error
    return Seal(folder)


def _context(roots: list[Any], lists: list[bytes]) -> Any:
    from pyhanko_certvalidator import ValidationContext

    # Where there are lists, each certificate must stand on none of them; without any, nothing can be said of that.
    # Not "hard-fail": that asks only of certificates that name an address of their list.
    mode = "require" if lists else "soft-fail"
    return ValidationContext(trust_roots=roots, crls=lists, allow_fetching=False, revocation_mode=mode)


def _signer(folder: Path) -> Any:
    from pyhanko.sign import SimpleSigner

    words = folder / "passphrase.txt"
    passphrase = words.read_bytes().strip() if words.exists() else None
    if (folder / "site.p12").exists():
        signer = SimpleSigner.load_pkcs12(str(folder / "site.p12"), passphrase=passphrase)
        name = "site.p12"
    else:
        signer, name = _from_pem(folder, passphrase), "key.pem"
    if signer is None or signer.signing_cert is None:
        raise KeyMissing(key=name)
    return signer


def _from_pem(folder: Path, passphrase: bytes | None) -> Any:
    from pyhanko.keys import load_private_key_from_pemder
    from pyhanko.sign import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    own, *chain = roots_in(folder / "certificate.pem")
    try:
        key = load_private_key_from_pemder(str(folder / "key.pem"), passphrase)
    except (OSError, ValueError, TypeError) as error:
        raise KeyMissing(key="key.pem") from error
    return SimpleSigner(own, key, SimpleCertificateStore.from_certs([own, *chain]))


def _stamper(folder: Path) -> Any:
    if not (folder / "stamp.pem").exists():
        return None
    from pyhanko.keys import load_private_key_from_pemder
    from pyhanko.sign.timestamps import DummyTimeStamper
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    own, *chain = roots_in(folder / "stamp.pem")
    try:
        key = load_private_key_from_pemder(str(folder / "stamp-key.pem"), None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyMissing(key="stamp-key.pem") from error
    # Its name means that it asks nobody: the site stamps for itself, with a certificate that says so.
    return DummyTimeStamper(own, key, SimpleCertificateStore.from_certs(chain))


def _der(file: Path) -> bytes:
    data = file.read_bytes()
    if not data.startswith(b"-----"):
        return data
    from asn1crypto import pem

    return bytes(pem.unarmor(data)[2])
