"""A log server over TLS hears every message whole, and nobody waits for one that is away."""

import re
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from storage.audit.log_server import Datagrams, Stream, open_log_server
from storage.audit.witness import Standing, SyslogWitness


def certificate(folder, name, address):
    """A self-signed one for this address, and its key, as files."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "log server of a test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(made.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / f"{name}.pem", folder / f"{name}.key"


class Server:
    """Keeps what each connection brought."""

    def __init__(self, files):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.heard, self.came, self.open = [], threading.Condition(), None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            try:
                self.open = self.context.wrap_socket(plain, server_side=True)
                with self.open:
                    self._listen(self.open)
            except OSError:
                plain.close()

    def _listen(self, connection):
        data = b""
        while part := connection.recv(4096):
            data += part
            while found := re.match(rb"(\d+) ", data):
                end = found.end() + int(found[1])
                if len(data) < end:
                    break
                with self.came:
                    self.heard.append(data[found.end() : end])
                    self.came.notify_all()
                data = data[end:]

    def wait_for(self, count):
        with self.came:
            assert self.came.wait_for(lambda: len(self.heard) >= count, 10)
        return self.heard


@pytest.fixture
def files(tmp_path):
    return certificate(tmp_path, "house", "127.0.0.1")


@pytest.fixture
def server(files):
    server = Server(files)
    yield server
    server.listening.close()


@pytest.fixture
def stream(server, files):
    stream = Stream("127.0.0.1", server.port, trusting(files[0]))
    yield stream
    stream.close()


def trusting(file):
    return ssl.create_default_context(cafile=file)


def test_each_message_comes_whole_with_its_length(server, stream):
    """RFC 5425 4.3: octet counting; a message may hold line ends and any bytes. One connection for all."""
    for message in (b"one", "둘\n셋".encode(), b"4" * 70_000):
        stream.send(message)

    assert server.wait_for(3) == [b"one", "둘\n셋".encode(), b"4" * 70_000]


def test_the_witness_speaks_over_it(server, stream):
    """The same line as in a datagram."""
    SyslogWitness(stream).note(Standing("a" * 32, 7, "b" * 64))

    assert server.wait_for(1)[0].startswith(b"<109>1 - ")


def test_a_connection_that_the_server_ended_is_opened_again(server, stream):
    """A restart of the log server loses nothing that is sent afterwards."""
    stream.send(b"before")
    server.wait_for(1)
    server.open.shutdown(socket.SHUT_RDWR)

    stream.send(b"after")

    assert server.wait_for(2) == [b"before", b"after"]


def test_nothing_is_sent_to_whom_the_house_does_not_know(server, tmp_path):
    """Another authority, or the right one for another address: the line stays here."""
    other = certificate(tmp_path, "other", "127.0.0.1")[0]
    elsewhere = Server(certificate(tmp_path, "elsewhere", "127.0.0.2"))

    with pytest.raises(ssl.SSLCertVerificationError):
        Stream("127.0.0.1", server.port, trusting(other)).send(b"x")
    with pytest.raises(ssl.SSLCertVerificationError):
        Stream("127.0.0.1", elsewhere.port, trusting(tmp_path / "elsewhere.pem")).send(b"x")

    assert server.heard == elsewhere.heard == []
    elsewhere.listening.close()


def test_a_server_that_is_away_is_asked_again_after_a_while(server, stream, monkeypatch):
    """Meanwhile it fails at once, without a connection: a ward does not wait for a log server."""
    tried, now = [], [100.0]
    connect = socket.create_connection
    monkeypatch.setattr("storage.audit.log_server.time.monotonic", lambda: now[0])

    def refused(*words):
        tried.append(words)
        raise ConnectionRefusedError()

    monkeypatch.setattr("storage.audit.log_server.socket.create_connection", refused)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            stream.send(b"lost")
    assert len(tried) == 1
    monkeypatch.setattr("storage.audit.log_server.socket.create_connection", connect)
    now[0] += 16
    stream.send(b"back")

    assert server.wait_for(1) == [b"back"]


def test_an_address_says_how_it_is_spoken_to():
    """Ports of RFC 5426 and 5425 where none is named; anything else is no log server."""
    assert open_log_server("syslog://siem.example") == Datagrams("siem.example", 514)
    sealed = open_log_server("syslog+tls://siem.example")
    assert isinstance(sealed, Stream) and (sealed.host, sealed.port) == ("siem.example", 6514)
    assert sealed.context.verify_mode is ssl.CERT_REQUIRED and sealed.context.check_hostname
    assert open_log_server("https://siem.example") is open_log_server("syslog://") is None
