"""Reads operator settings from the environment and from `.env` beside manage.py.

An empty variable counts as one that is not set, as compose files and `.env` leave it."""

import hashlib
import math
import os
import secrets
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import quote

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config import secrets_check

# Settings that say, where they are not empty, that browsers on other machines come here.
SHARED_SITE = ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS")
# A unix socket's path has room for 104 bytes on macOS and 108 on Linux, with its closing zero.
SOCKET_PATH_BYTES = 100


def load_env_file(path: Path) -> None:
    """Puts the KEY=VALUE lines of `path` into os.environ, except for variables that are set."""
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        key, separator, value = line.strip().partition("=")
        if separator and not key.startswith("#"):
            os.environ.setdefault(key.strip(), value.strip().strip("\"'"))


def flag(name: str, *, default: bool) -> bool:
    value = (os.environ.get(name) or "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false: use 1 or 0")


def number(name: str, *, default: float, above: float = -math.inf) -> float:
    value = (os.environ.get(name) or "").strip()
    try:
        given = float(value) if value else default
    except ValueError:
        given = math.nan
    if not math.isfinite(given):
        raise ImproperlyConfigured(f"{name}={value!r} is not a number")
    if given <= above:
        raise ImproperlyConfigured(f"{name}={value!r} is too small: it must be above {above:g}")
    return given


def whole_number(name: str, *, default: int, lowest: int, highest: int) -> int:
    given = number(name, default=default)
    if given != int(given) or not lowest <= given <= highest:
        raise ImproperlyConfigured(
            f"{name}={os.environ.get(name)!r} is not a whole number from {lowest} to {highest}"
        )
    return int(given)


def words(name: str, *, default: str) -> list[str]:
    return (os.environ.get(name) or default).replace(",", " ").split()


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Reads addresses and networks, such as 10.0.0.5 or 10.0.0.0/8."""
    try:
        return [ip_network(word) for word in words(name, default="")]
    except ValueError as problem:
        raise ImproperlyConfigured(
            f"{name}: {problem}; write addresses or networks, as 10.0.0.5 or 10.0.0.0/8"
        ) from None


def is_one_machine() -> bool:
    """Whether no setting says that other machines take part: neither as browsers, directly or
    through a proxy, nor as Redis."""
    return is_private(os.environ.get("HOST") or "127.0.0.1") and not os.environ.get("REDIS_URL")


def is_private(host: str) -> bool:
    """Whether only browsers on this machine come to a web server that listens on `host`, as far as
    the settings say: neither others directly, nor through a proxy."""
    is_shared = any(os.environ.get(name) for name in SHARED_SITE) or flag("HTTPS", default=False)
    return is_loopback(host) and not is_shared


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def folders(name: str) -> list[Path]:
    """Reads absolute folders, separated as in PATH."""
    given = [Path(word).expanduser() for word in (os.environ.get(name) or "").split(os.pathsep)]
    named = [folder for folder in given if folder != Path()]
    if wrong := [folder for folder in named if not folder.is_absolute()]:
        raise ImproperlyConfigured(f"{name}: {wrong[0]} is no absolute path of a folder")
    return [Path(os.path.normpath(folder)) for folder in named]


def data_dir(path: Path) -> Path:
    """Makes the folder for database, models, uploads and logs if need be, and returns it whole."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ImproperlyConfigured(
            f"DATA_DIR={path} cannot be used as a folder ({problem.strerror}): "
            "set DATA_DIR to a folder that can be written"
        ) from problem
    return path.resolve()


def secret_key(data_dir: Path) -> str:
    """Returns the key that signs sessions: the operator's, or else the one in DATA_DIR."""
    if key := os.environ.get("SECRET_KEY"):
        return secrets_check.check_key("SECRET_KEY", key)
    return stored_secret_key(data_dir)


def stored_secret_key(data_dir: Path) -> str:
    """Returns the secret key in DATA_DIR. It is made at the first start, for its owner alone."""
    path = data_dir / "secret-key"
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(50))
        key = path.read_text().strip()
    except OSError as problem:
        raise ImproperlyConfigured(
            f"{path} cannot be written or read ({problem.strerror}): "
            "set DATA_DIR to a folder that can be written"
        ) from problem
    if len(key) < 40:
        raise ImproperlyConfigured(f"{path} is empty or cut short: delete it and start again")
    return key


def _write_once(path: Path, text: str) -> None:
    """Writes `path` whole or not at all. Where two processes write at once, the first one wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def database(data_dir: Path) -> dj_database_url.DBConfig:
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{data_dir / 'preferable.sqlite3'}"
    try:
        parsed = dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True)
    except ValueError:
        # The address holds a password: it is not repeated here.
        raise ImproperlyConfigured(
            "DATABASE_URL is not an address that can be used: write it as "
            "postgres://USER:PASSWORD@HOST:PORT/NAME"
        ) from None
    secrets_check.check_password("DATABASE_URL", str(parsed.get("PASSWORD") or ""))
    return parsed


def redis_socket(data_dir: Path) -> Path:
    """Returns where the embedded Redis listens: in DATA_DIR. Where that path is too long for a unix
    socket, it is a private folder under /tmp whose name follows from DATA_DIR."""
    socket = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(socket)) <= SOCKET_PATH_BYTES:
        return socket
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(f"/tmp/preferable-{os.getuid()}-{name}") / "redis.sock"


def embedded_redis_url(data_dir: Path) -> str:
    """Returns the address of the embedded Redis. It is a unix socket: no port is opened."""
    return f"redis+socket://{quote(str(redis_socket(data_dir)))}"
