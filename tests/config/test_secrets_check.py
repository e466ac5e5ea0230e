"""A start with a secret that everybody knows is refused, in a sentence that says what to do."""

import secrets
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment, secrets_check
from tests.config.up_helpers import manage

WEAK = {
    "x": "1 characters",
    "a-long-random-text": "everybody knows",
    "A-Long-Random-Text ": "everybody knows",
    "django-insecure-" + "k3J" * 20: "everybody knows",
    "0123456789abcdef": "16 characters",
    "x" * 60: "guessed",
    "Ab1" * 20: "guessed",
    "0123456789" * 5: "guessed",
    "replace-this-with-a-long-and-random-text-please": "guessed",
}


@pytest.mark.parametrize("key", WEAK)
def test_a_weak_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=WEAK[key]) as refused:
        secrets_check.check_key("SECRET_KEY", key)
    assert "token_urlsafe" in str(refused.value)
    assert len(key) < 4 or key not in str(refused.value)


@pytest.mark.parametrize(
    "make", [secrets.token_urlsafe, secrets.token_hex, lambda n: secrets.token_urlsafe(n).upper()]
)
def test_random_keys_are_taken(make) -> None:
    for _ in range(50):
        key = make(32)
        assert secrets_check.check_key("SECRET_KEY", key) == key


def test_every_command_refuses_a_weak_key(tmp_path: Path) -> None:
    code, output = manage(tmp_path, "migrate", SECRET_KEY="x")
    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith("SECRET_KEY has 1 characters")


@pytest.mark.parametrize("password", ["letters-and-digits", "password"])
def test_the_samples_database_passwords_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgres://preferable:{password}@localhost/preferable")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL holds the password of the sample"):
        environment.database(tmp_path)


def test_other_database_passwords_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://preferable:q8Zr2mVx@localhost/preferable")
    assert environment.database(tmp_path)["PASSWORD"] == "q8Zr2mVx"
