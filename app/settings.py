"""The installation's settings: the environment, read once; every setting with a sentence.

Each is DRAGONFLY_ and its name in capitals, for example DRAGONFLY_DATA_DIR.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One installation."""

    model_config = SettingsConfigDict(
        env_prefix="DRAGONFLY_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    data_dir: Path = Field(
        Path("data"),
        description="Folder of database, keys, sealed files and scratch space.",
        examples=["/var/lib/dragonfly-med"],
    )
    database_url: str = Field(
        "",
        description="Database; empty: SQLite in the data folder. PostgreSQL: postgresql+psycopg://user@host/name.",
        examples=["postgresql+psycopg://dragonfly@127.0.0.1/dragonfly"],
    )
    database_owner_url: str = Field(
        "",
        description="The same database by the login that owns its tables; only `migrate`, `new-log` and `restore` use "
        "it, and neither web nor workers should know it, see deploy/README.md. Empty: one login does everything.",
    )
    keys_dir: Path | None = Field(
        None, description="Folder of the site key and the audit keys; empty: keys in the data folder."
    )
    site_key: Path | None = Field(
        None,
        description="File of the site key where it is given from outside, as a credential of systemd; it must be there "
        "and is never written. Empty: site.key in the folder of keys, made at the first start.",
    )
    witness: str = Field(
        "",
        description="Where every change leaves the length and tree hash of the record, out of reach of this "
        "host's owner: a file on a mount of another host, syslog+tls://host:port or syslog://host:port; empty: nowhere.",
    )
    checkpoint_file: Path | None = Field(
        None,
        description="File that gets every signed checkpoint of the record, synced, meant to lie on a mount that keeps "
        "what was written; `verify --witness` reads it. Empty: none.",
    )
    stamp_roots: Path | None = Field(
        None,
        description="Certificates (PEM) of the time-stamp authority whose time counts; with them alone time-stamps are "
        "carried as files (`dragonfly-med stamp`). Empty: checkpoints carry no time-stamp.",
    )
    stamp_url: str = Field(
        "",
        description="Address of that authority (RFC 3161), asked for a time-stamp; empty: nobody is asked.",
    )
    stamp_hours: int = Field(1, ge=1, description="Hours between two time-stamps.")
    backup_recipient: str = Field(
        "",
        description="Whom backups are sealed to: `age1…`, or a file with it; `dragonfly-med backup-key` makes one. "
        "Its key is kept offline.",
    )
    retain_unsigned_days: int = Field(
        0,
        ge=0,
        description="Days after the last addition to a patient without a signed report until `dragonfly-med retain` "
        "asks for their erasure; 0: never.",
    )
    retain_signed_days: int = Field(
        0,
        ge=0,
        description="The same for a patient with a signed report; laws of many places say years. 0: never.",
    )
    retain_upload_days: int = Field(
        0, ge=0, description="Days after which `retain` forgets how an upload went; 0: never."
    )
    retain_log_days: int = Field(
        0,
        ge=0,
        description="Days after which `retain` lets a closed log go of which the auditor has a copy; 0: never.",
    )
    host: str = Field("127.0.0.1", description="Address the web process listens on.")
    port: int = Field(7860, description="Port the web process listens on.")
    public_url: str = Field(
        "",
        description="Address people type, for example https://reading.hospital.example; empty: this host and port.",
        examples=["https://reading.hospital.example"],
    )
    allowed_hosts: str = Field(
        "", description="Further host names, separated by commas, under which the pages may be asked for."
    )
    proxy_headers: bool = Field(
        False,
        description="Trust X-Forwarded headers: only behind our own proxy on this machine.",
        examples=["true"],
    )
    institution: str = Field("Dragonfly Hospital", description="Name of the institution in the letterhead.")
    department: str = Field("Department of Radiology", description="Department in the letterhead.")
    paper_seal: Path | None = Field(
        None,
        description="Folder with the certificate and key that signed reports are sealed with (PAdES), see "
        "deploy/README.md; only the web process needs it. Empty: papers carry no digital signature.",
    )
    session_idle_minutes: int = Field(15, description="Minutes without use after which a session ends.")
    session_hours: int = Field(12, description="Hours after which a session ends in any case.")
    second_factor: str = Field(
        "",
        pattern="^((clinician|researcher|admin|auditor)(,(clinician|researcher|admin|auditor))*)?$",
        description="Roles that sign in with a code of an authenticator as well, separated by commas; the others may.",
    )
    oidc_issuer: str = Field(
        "",
        description="The hospital's OpenID Connect provider, as it names itself; empty: people sign in here only.",
    )
    oidc_client_id: str = Field("dragonfly-med", description="The name of this installation at the provider.")
    oidc_client_secret: Path | None = Field(
        None, description="File with its secret there; empty: none, PKCE alone."
    )
    oidc_keys: Path | None = Field(
        None,
        description="File with the provider's keys (JWKS), pinned; empty: the provider is asked for them.",
    )
    oidc_ca: Path | None = Field(
        None,
        description="File with the authority that signed the provider's certificate; empty: the system's.",
    )
    oidc_scope: str = Field("openid profile", description="What the provider is asked for.")
    oidc_username_claim: str = Field(
        "preferred_username", description="Claim with the user name; who has it here signs in the first time."
    )
    oidc_role_claim: str = Field("groups", description="Claim with the groups of a person.")
    oidc_roles: str = Field(
        "",
        pattern="^([^=,]+=(clinician|researcher|admin|auditor)(,[^=,]+=(clinician|researcher|admin|auditor))*)?$",
        description="Groups and the roles they stand for, as group=role,group=role; who has none or several is "
        "refused. Empty: the role is the one given here.",
    )
    rate_per_session: int = Field(
        100,
        ge=0,
        description="Requests a second of one session or token, ten seconds' worth of them at once; 0: no limit.",
    )
    rate_per_address: int = Field(
        400,
        ge=0,
        description="The same for one network address, signed in or not; a ward may share one. 0: no limit.",
    )
    quota_bytes: int = Field(
        1 << 40,
        ge=0,
        description="Most bytes of files that one person keeps, uploads under way included; 0: no limit.",
    )
    quota_uploads: int = Field(
        500, ge=0, description="Most uploads of one person within 24 hours; 0: no limit."
    )
    quota_waiting: int = Field(
        100,
        ge=0,
        description="Most answers one person waits for at once (a reading plan is up to 41); 0: no limit.",
    )
    quota_answers: int = Field(
        2000, ge=0, description="Most answers one person asks for within 24 hours; 0: no limit."
    )
    upload_files: int = Field(5000, description="Most files in one upload.")
    upload_bytes: int = Field(4 << 30, description="Most bytes in one upload.")
    upload_file_bytes: int = Field(2 << 30, description="Most bytes in one file.")
    upload_slide_bytes: int = Field(
        64 << 30,
        description="Most bytes of an upload whose large files are sent in parts and may be resumed: slides.",
    )
    slide_copies_bytes: int = Field(
        64 << 30,
        description="Most bytes of plaintext copies of slides that are being read; wiped when unused.",
    )
    identity: Literal["keep", "pseudonymise", "refuse"] = Field(
        "keep",
        description="Identity in what is uploaded: keep it, pseudonymise each file before it is kept, or refuse files that carry it.",
    )
    identity_lens: bool = Field(
        True,
        description="The page shows what files tell of the patient before anything is kept, unless its reader turns it off.",
    )
    decoders: int = Field(2, description="Limited processes that decode pictures.")
    volume_bytes: int = Field(
        1 << 30,
        description="Most bytes of volumes (for planes through a series) in the memory of one process; a larger one is refused.",
    )
    decoder_memory_bytes: int = Field(4 << 30, description="Address space of each of them, in bytes.")
    model_path: Path | None = Field(
        None, description="Checkpoint folder of the worker; empty: the demonstration model."
    )
    model_server: str = Field(
        "",
        description="Address of a model server (vLLM) that answers in the worker's place, for example http://127.0.0.1:8000; the checkpoint folder is then the exported one whose model it serves. Empty: the worker answers itself.",
    )
    model_server_key: Path | None = Field(None, description="File with the model server's key; empty: none.")
    model_server_patience_seconds: float = Field(
        60.0, description="Seconds without a word from the model server after which an answer fails."
    )
    model_server_ranks: bool = Field(
        False,
        description="The model server was started with --scheduling-policy priority: urgent questions go first.",
    )
    device: str = Field(
        "cpu",
        pattern=r"^(cpu|mps|cuda(:\d+)?)$",
        description="Device of the worker: cpu, cuda, cuda:1, mps.",
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Precision of the weights."
    )
    quantization: Literal["none", "int8"] = Field(
        "none",
        description="int8 keeps the language model's weights in eight bits (CPU): half the memory of bfloat16.",
    )
    threads: int = Field(
        1, description="Threads of the worker's arithmetic; two that contend are slower than one."
    )
    pace_ms: int = Field(
        0, description="Pause before each piece of an answer in milliseconds, to watch or test; 0 is off."
    )
    worker_concurrency: int = Field(
        4, description="Answers one worker gives at the same time, in one batch; more of them wait."
    )
    worker_patience_seconds: float = Field(
        6.0, description="Seconds without a sign of life after which another worker takes over."
    )
    max_new_tokens: int = Field(512, description="Most tokens in one answer.")
    scope_gate: Literal["rules", "warn", "off"] = Field(
        "rules",
        description="Gate before the model: rules refuses or warns by what a picture is, warn lets all be overridden.",
    )
    question_characters: int = Field(2000, description="Most characters in one question.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")

    @property
    def url(self) -> str:
        """The database, SQLite in the data folder where none is named."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'dragonfly.db'}"

    @property
    def keys(self) -> Path:
        """The folder of keys."""
        return self.keys_dir or self.data_dir / "keys"

    @property
    def site_key_file(self) -> Path:
        """Where the site key is read from."""
        return self.site_key or self.keys / "site.key"

    @property
    def scratch(self) -> Path:
        """Space for what is being received; wiped at start."""
        return self.data_dir / "scratch"

    @property
    def slide_copies(self) -> Path:
        """Space for plaintext copies of slides that are being read; wiped when unused, at start and at the end."""
        return self.data_dir / "slide-copies"

    @property
    def oidc_role_map(self) -> dict[str, str]:
        """Roles by group."""
        pairs = (part.rsplit("=", 1) for part in self.oidc_roles.split(",") if part)
        return {group.strip(): role for group, role in pairs}

    @property
    def address(self) -> str:
        """Where people find the page."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """Host headers that are answered."""
        named = {part.strip() for part in self.allowed_hosts.split(",") if part.strip()}
        public = self.public_url.split("://")[-1].rstrip("/")
        local = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", self.host)}
        return frozenset(named | local | ({public} if public else set()))


def example() -> str:
    """`deploy/env.example`: every setting with its sentence, set as for a hospital, at its default elsewhere."""
    lines = [
        "# Every setting of Dragonfly-Med. An empty value stands for the default.",
        "# Written by `python -c 'from app.settings import example; print(example(), end=str())'`.",
    ]
    for name, field in Settings.model_fields.items():
        value = field.examples[0] if field.examples else field.default
        lines += ["", f"# {field.description}", f"DRAGONFLY_{name.upper()}={'' if value is None else value}"]
    return "\n".join(lines) + "\n"
