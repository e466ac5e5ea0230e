"""Fills a fresh database with a project of N comparisons, quickly, for the load benchmark.

Everything is written by the database itself from a series of numbers: ten comparisons for each
prompt (all pairs of its five responses), texts of the length that people judge. Runs as a program
with the server's environment: `load_data.py COMPARISONS LABELERS OVERLAP FILE` writes the session
keys of its labelers to FILE.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

PAIRS = 10  # of five responses
RESPONSES = 5
SLUG = "load"

SERIES = {
    "postgresql": "generate_series(1, {count}) AS n(n)",
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT {count}) "
    "SELECT n FROM s) AS n",
}
SENTENCE = (
    "Rinse the stain with **cold water** first, then dab it with a clean cloth; never rub. "
    "A spoon of vinegar in a glass of water helps with wool, and salt draws out what is left. "
)
MESSAGES = """[{"role": "user", "content": "Question ' || n.n || ': how do I get a stain of red wine out of a woollen rug without spoiling its colours?"}]"""  # noqa: E501
PROMPTS = """
    INSERT INTO labeling_prompt (project_id, messages, digest, near_digest, split, tags, source,
        created_at)
    SELECT {project}, CAST('%s' AS {json}), 'p' || n.n, 'n' || n.n, 'train', '[]', '',
        CURRENT_TIMESTAMP
    FROM {series}
""" % MESSAGES.replace("%", "%%")  # noqa: UP031
ANSWERS = """
    INSERT INTO labeling_response (prompt_id, text, digest, origin, source, finished, created_at)
    SELECT p.id, 'Answer ' || n.n || '. {text}', 'r' || n.n, 'imported', '', {true},
        CURRENT_TIMESTAMP
    FROM labeling_prompt p CROSS JOIN {series} WHERE p.project_id = {project}
"""
COMPARISONS = """
    INSERT INTO labeling_comparison (project_id, prompt_id, responses_key, size, state, wanted,
        slots_left, priority, random_key, arm, created_at)
    SELECT {project}, a.prompt_id, CAST(a.id AS varchar(20)) || '-' || CAST(b.id AS varchar(20)),
        2, 'open', {overlap}, {overlap}, 0.0001 * (a.id * 7919 + b.id * 104729 - 9973 * ((a.id * 7919 + b.id * 104729) / 9973)),
        0.00000095367431640625 * ((a.id * 7919 + b.id * 104729) & 1048575), '', CURRENT_TIMESTAMP
    FROM labeling_response a
    JOIN labeling_response b ON a.prompt_id = b.prompt_id AND a.id < b.id
    JOIN labeling_prompt p ON p.id = a.prompt_id WHERE p.project_id = {project}
"""  # noqa: E501
PLACES = """
    INSERT INTO labeling_comparisonresponse (comparison_id, response_id, position)
    SELECT c.id, r.id, CASE WHEN c.responses_key LIKE CAST(r.id AS varchar(20)) || '-%' THEN 0
        ELSE 1 END
    FROM labeling_comparison c JOIN labeling_response r ON r.prompt_id = c.prompt_id
    WHERE c.project_id = {project} AND (
        c.responses_key LIKE CAST(r.id AS varchar(20)) || '-%'
        OR c.responses_key LIKE '%-' || CAST(r.id AS varchar(20)))
"""


def main() -> None:
    comparisons, labelers, overlap = (int(text) for text in sys.argv[1:4])
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    project = make_project(comparisons, overlap)
    sessions = [make_labeler(project, number) for number in range(labelers)]
    Path(sys.argv[4]).write_text(json.dumps(sessions))


def make_project(comparisons: int, overlap: int):
    from django.db import connection, transaction

    from labeling.models import GuidelineVersion, Project

    project = Project.objects.create(slug=SLUG, name="Load", overlap=overlap)
    project.guidelines = GuidelineVersion.objects.create(project=project, number=1, text="Be kind.")
    project.save()
    is_postgres = connection.vendor == "postgresql"
    values = {
        "project": project.pk,
        "overlap": overlap,
        "text": SENTENCE * 3,
        "json": "jsonb" if is_postgres else "text",
        "true": "TRUE" if is_postgres else "1",
    }
    steps = [
        (PROMPTS, max(comparisons // PAIRS, 1)),
        (ANSWERS, RESPONSES),
        (COMPARISONS, 0),
        (PLACES, 0),
    ]
    with transaction.atomic(), connection.cursor() as database:
        for statement, count in steps:
            series = SERIES[connection.vendor].format(count=count)
            for name, value in {**values, "series": series}.items():
                statement = statement.replace("{%s}" % name, str(value))  # noqa: UP031
            database.execute(statement)
    with connection.cursor() as database:
        database.execute("ANALYZE")
    count = project.comparisons.count()
    assert count == max(comparisons // PAIRS, 1) * PAIRS, f"{count} comparisons were made"
    return project


def make_labeler(project, number: int) -> str:
    """A member who is signed in; gives the session's key."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from labeling.models import Membership, User

    user = User.objects.create(username=f"labeler{number}")
    Membership.objects.create(project=project, user=user)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    assert session.session_key
    return session.session_key


if __name__ == "__main__":
    main()
