"""Settings with which this does not start: each of them would be found out only by whoever abuses it."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.settings import Settings

DEFAULTS = frozenset(
    (
        "postgres",
        "postgresql",
        "password",
        "passwd",
        "secret",
        "changeme",
        "change-me",
        "example",
        "dragonfly",
    )
)
"""Passwords of databases that stand in manuals and examples."""


def check(settings: Settings) -> None:
    """Raise ValueError with a sentence for the first thing that is unsafe; keys and database look for themselves."""
    passwords = (_password(url) for url in (settings.url, settings.database_owner_url) if url)
    for complaint in (*passwords, _address(settings), _provider(settings), _folder(settings)):
        if complaint:
            raise ValueError(f"{complaint} It does not start like this.")


def _password(place: str) -> str:
    url = sa.make_url(place)
    password = str(url.password or "").lower()
    if password and (
        password in DEFAULTS or password in ((url.username or "").lower(), (url.database or "").lower())
    ):
        return "A password of the database in DRAGONFLY_DATABASE_URL or its neighbour is one that anybody tries first."
    return ""


def _address(settings: Settings) -> str:
    parts = urlsplit(settings.public_url)
    if settings.public_url and parts.scheme != "https" and not _is_here(parts.hostname or ""):
        return "DRAGONFLY_PUBLIC_URL is not https: passwords and patients would travel in the clear."
    return ""


def _provider(settings: Settings) -> str:
    parts = urlsplit(settings.oidc_issuer)
    if settings.oidc_issuer and parts.scheme != "https" and not _is_here(parts.hostname or ""):
        return "DRAGONFLY_OIDC_ISSUER is not https: anybody on the way could say who somebody is."
    return ""


def _folder(settings: Settings) -> str:
    for name, folder in (("DRAGONFLY_DATA_DIR", settings.data_dir), ("DRAGONFLY_KEYS_DIR", settings.keys)):
        if folder.exists() and folder.stat().st_mode & 0o007:
            return f"Everybody on this machine may look into {name}; chmod 700 it."
    if settings.site_key and (settings.keys / "site.key").exists():
        return "The site key is given by DRAGONFLY_SITE_KEY and lies in the folder of keys as well; remove it there."
    return ""


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
