"""A hospital's certificates for tests: a root, a site, time-stamps and a list of revoked ones, made here."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Root:
    """An authority that issues and revokes."""

    def __init__(self, name: str = "Phantom Root"):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), named(name)
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.certificate = self.issue(self.name, self.key, ca=True)

    def issue(
        self,
        name: x509.Name,
        key: Any,
        *,
        ca: bool = False,
        stamps: bool = False,
        days: tuple[int, int] = (-1, 365),
    ) -> x509.Certificate:
        usage = dict.fromkeys(
            ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            False,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + days[0] * DAY)
            .not_valid_after(self.now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca,
                    content_commitment=not ca,
                    key_cert_sign=ca,
                    crl_sign=ca,
                    **usage,
                ),
                critical=True,
            )
        )
        if stamps:
            wanted = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(wanted, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def revoked(self, *certificates: x509.Certificate) -> bytes:
        """A list with these on it, as DER."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(self.now - DAY)
            .next_update(self.now + 30 * DAY)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for one in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(self.now - DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def key_pem(key: Any, passphrase: bytes | None = None) -> bytes:
    how: Any = serialization.NoEncryption()
    if passphrase:
        how = serialization.BestAvailableEncryption(passphrase)
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))


def write(folder: Path, name: str, data: bytes) -> None:
    (folder / name).touch(0o600)
    (folder / name).write_bytes(data)


def seal_folder(folder: Path, *, long_term: bool = False, root: Root | None = None, **site: Any) -> Root:
    """The folder of a seal: certificate and key, and with `long_term` roots, time-stamps and a list."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root, key = root or Root(), ec.generate_private_key(ec.SECP256R1())
    own = root.issue(named("Phantom Hospital"), key, **site)
    write(folder, "certificate.pem", pem(own, root.certificate))
    write(folder, "key.pem", key_pem(key))
    if long_term:
        stamp = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write(
            folder, "stamp.pem", pem(root.issue(named("Phantom Clock"), stamp, stamps=True), root.certificate)
        )
        write(folder, "stamp-key.pem", key_pem(stamp))
        write(folder, "roots.pem", pem(root.certificate))
        write(folder, "root.crl", root.revoked())
    return root
