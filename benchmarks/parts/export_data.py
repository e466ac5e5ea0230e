"""Fills a fresh database with a project of N settled preferences, for the export benchmark.

Each has a prompt of its own and two responses of 800 characters, cut from one long text of random
words, so that no two are alike. Runs as a program with the server's environment:
`export_data.py PREFERENCES FILE` writes the session key of a curator to FILE.
"""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

SLUG = "export"
BATCH = 5_000
RESPONSE_CHARACTERS = 800
PROMPT_CHARACTERS = 100
POOL_CHARACTERS = 4_000_000
WORDS = """
    the stain with cold water first then dab it clean cloth never rub a spoon of vinegar glass helps
    wool and salt draws out what is left “quoted” naïve 東京 https://example.org/a?b=c because
    however therefore roughly 42 3.14 *bold* `code` [link] — étude größer "said" \\n
"""


def main() -> None:
    count = int(sys.argv[1])
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    project = fill(count)
    Path(sys.argv[2]).write_text(curator_of(project))


def fill(count: int) -> Any:
    from django.db import connection, transaction

    from labeling.models import Project

    project = Project.objects.create(slug=SLUG, name="Export", overlap=1)
    draw = random.Random(7)
    pool = text_of_words(draw)
    for first in range(1, count + 1, BATCH):
        with transaction.atomic():
            add(project.pk, range(first, min(first + BATCH, count + 1)), pool, draw)
    with connection.cursor() as database:
        database.execute("ANALYZE")
    assert project.preferences.count() == count
    return project


def text_of_words(draw: random.Random) -> str:
    words: list[str] = []
    size = 0
    while size < POOL_CHARACTERS:
        some = draw.choices(WORDS.split(), k=1000)
        words += some
        size += sum(map(len, some)) + len(some)
    return " ".join(words).replace("\\n", "\n")


def add(project_id: int, numbers: range, pool: str, draw: random.Random) -> None:
    """Adds one preference for each number. Ids ascend from 1 in a fresh database, so the rows can
    name each other by number."""
    from django.utils import timezone

    from labeling.database.inserting import insert_rows
    from labeling.models import Comparison, Preference, Prompt, Response

    def cut(characters: int) -> str:
        start = draw.randrange(len(pool) - characters)
        return pool[start : start + characters]

    def responses() -> Iterator[dict[str, Any]]:
        for number in numbers:
            for side in (0, 1):
                yield {
                    "prompt_id": number,
                    "text": cut(RESPONSE_CHARACTERS),
                    "digest": f"{2 * number + side:064x}",
                    "origin": Response.Origin.IMPORTED,
                    "source": f"model-{side}",
                }

    insert_rows(
        Prompt,
        (
            {
                "project_id": project_id,
                "messages": [{"role": "user", "content": f"{number}: {cut(PROMPT_CHARACTERS)}"}],
                "digest": f"{number:064x}",
                "split": "train",
            }
            for number in numbers
        ),
    )
    insert_rows(Response, responses())
    pairs = {number: (2 * number - 1, 2 * number) for number in numbers}
    insert_rows(
        Comparison,
        (
            {
                "project_id": project_id,
                "prompt_id": number,
                "responses_key": f"{first}-{second}",
                "state": Comparison.State.FINISHED,
                "slots_left": 0,
            }
            for number, (first, second) in pairs.items()
        ),
    )
    now = timezone.now()
    insert_rows(
        Preference,
        (
            {
                "project_id": project_id,
                "comparison_id": number,
                "prompt_id": number,
                "chosen_id": first,
                "rejected_id": second,
                "pair_key": f"{first}-{second}",
                "kind": Preference.Kind.PREFER,
                "votes_chosen": 1,
                "vote_share": 1.0,
                "strength": 2.0,
                "provenance": Preference.Provenance.UNANIMOUS,
                "split": "train",
                "arm": Comparison.Arm.RANDOM,
                "settled_at": now,
            }
            for number, (first, second) in pairs.items()
        ),
    )


def curator_of(project: Any) -> str:
    """A curator of the project who is signed in; gives the session's key."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from labeling.models import Membership, Role, User

    user = User.objects.create(username="curator")
    Membership.objects.create(project=project, user=user, role=Role.CURATOR)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    assert session.session_key
    return session.session_key


if __name__ == "__main__":
    main()
