"""The files of an installation are what they say, as far as that can be told without installing."""

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.commands import VERBS
from app.settings import Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def certificate(folder: Path) -> None:
    """A key and a certificate of its own signature, under the names that proxy.conf gives them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "private.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )


def nginx_settings(folder: Path, *, web_port: int, tls_port: int, plain_port: int) -> Path:
    """proxy.conf with ports and a certificate of a test, inside the least that nginx needs around it."""
    certificate(folder / "tls")
    text = (DEPLOY / "proxy.conf").read_text(encoding="utf-8")
    for old, new in (
        ("127.0.0.1:7860", f"127.0.0.1:{web_port}"),
        ("listen 443 ", f"listen 127.0.0.1:{tls_port} "),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("/etc/dragonfly-med/tls", str(folder / "tls")),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "proxy.conf").write_text(text, encoding="utf-8")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    user = "user root;\n" if os.getuid() == 0 else ""
    whole.write_text(
        f"{user}pid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\n{temporary}include {folder}/proxy.conf;\n}}\n",
        encoding="utf-8",
    )
    return whole


def test_nginx_takes_the_proxy_settings(tmp_path):
    """What an operator copies is accepted by the real program, without a warning."""
    settings = nginx_settings(tmp_path, web_port=7860, tls_port=44300, plain_port=8800)

    tried = subprocess.run(["nginx", "-t", "-c", settings], capture_output=True, text=True)

    assert tried.returncode == 0, tried.stderr
    assert "warn" not in tried.stderr


def test_alerts_ask_for_figures_that_exist():
    """Every figure of ours in a rule is one that /metrics prints."""
    printed = set(re.findall(r'"(dragonfly_\w+)"', (ROOT / "app/api/system.py").read_text(encoding="utf-8")))
    groups = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]

    asked = {name for rule in rules for name in re.findall(r"dragonfly_\w+", rule["expr"])}

    assert asked and asked <= printed


def test_every_alert_is_explained():
    """Who is woken finds the name of the alert in the runbook."""
    runbook = (DEPLOY / "README.md").read_text(encoding="utf-8")
    groups = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))["groups"]

    names = [rule["alert"] for group in groups for rule in group["rules"]]

    assert [name for name in names if f"| {name} |" not in runbook] == []


def test_compose_names_what_is_there():
    """The containers are built from files that exist and restart by themselves."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]

    built = [one["build"]["dockerfile"] for one in services.values() if "build" in one]

    assert sorted(built) == ["deploy/web.Dockerfile", "deploy/worker.Dockerfile"]
    assert all((ROOT / one).is_file() for one in built)
    assert all(one["restart"] == "unless-stopped" for one in services.values())


def test_the_web_image_holds_no_torch():
    """The web extra brings no PyTorch, and the image installs nothing else."""
    text = (DEPLOY / "web.Dockerfile").read_text(encoding="utf-8")

    assert "'.[web]'" in text
    assert "torch" not in re.sub(r"#.*", "", text)


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").iterdir()), ids=lambda unit: unit.name)
def test_units_start_verbs_that_exist(unit):
    """Each unit runs a verb of the command, or starts another unit."""
    verbs = re.findall(
        r"^ExecStart=\S*/dragonfly-med ([\w-]+)(?: \S+)*$", unit.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert set(verbs) <= set(VERBS)
    assert verbs or unit.suffix == ".timer"


def test_the_credential_names_the_setting_and_the_units_that_want_it():
    """The file beside the units sets what the application reads, and says for which of them."""
    text = (DEPLOY / "site-key.conf").read_text(encoding="utf-8")
    (setting,) = re.findall(r"^Environment=DRAGONFLY_(\w+)=%d/site\.key$", text, re.MULTILINE)

    assert setting.lower() in Settings.model_fields and "LoadCredentialEncrypted=site.key:" in text
    named = set(re.findall(r"dragonfly-med-[\w@]+\.service", text))
    assert named <= {unit.name for unit in (DEPLOY / "systemd").iterdir()} and len(named) == 3
