"""Refuses secrets that everybody knows or can guess: those of the sample, and words."""

import re

from django.core.exceptions import ImproperlyConfigured

# What stands in .env.example, and what people write before they have thought of something.
SAMPLES = {
    "a-long-random-text",
    "a-password",
    "change-me",
    "changeme",
    "letters-and-digits",
    "password",
    "secret",
}
SHORTEST_KEY = 32
FEWEST_CHARACTERS = 10  # different ones
ADVICE = (
    "make one with `python -c 'import secrets; print(secrets.token_urlsafe(50))'`, or leave it out "
    "and one is kept in DATA_DIR"
)


def check_key(name: str, key: str) -> str:
    """Returns `key` if nobody else can know or guess it. The error does not repeat the key."""
    if key.strip().lower() in SAMPLES or key.startswith("django-insecure-"):
        problem = "is the one of a sample, which everybody knows"
    elif len(key) < SHORTEST_KEY:
        problem = f"has {len(key)} characters, and at least {SHORTEST_KEY} are needed"
    elif len(set(key)) < FEWEST_CHARACTERS or _repeats(key) or not re.search("[0-9A-Z]", key):
        problem = "can be guessed: it repeats itself, or is made of words"
    else:
        return key
    raise ImproperlyConfigured(f"{name} {problem}: {ADVICE}")


def check_password(name: str, password: str) -> None:
    """Refuses the passwords of the sample. What else is too weak is for its server to say."""
    if password.strip().lower() in SAMPLES:
        raise ImproperlyConfigured(
            f"{name} holds the password of the sample, which everybody knows: choose one of your "
            "own, there and where the server was set up with it"
        )


def _repeats(key: str) -> bool:
    """Whether the key is one piece repeated, such as “abcabcabc”."""
    return (key + key).find(key, 1) < len(key)
