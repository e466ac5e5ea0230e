"""What the load left in the database: `load_counts.py` prints it as one line of JSON.

Handed out: an assignment that is held, judged or skipped; expired and released ones went back.
Duplicates: hand-outs of a comparison beyond the judgments it wants (a skip gives its slot away).
Overshoot: judgments that count beyond those wanted. `wrong`: of the acknowledged answers, read from
the standard input, those that are not stored as they were sent. `sql`: the statements of a
submit-and-next, counted in this process on the same database, transaction control left out; the
most of five.
"""

import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TRANSACTION = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE SAVEPOINT)\b")


def main() -> None:
    import django

    django.setup()
    from django.db.models import Count, F, Q

    from labeling.models import Assignment, Comparison, Judgment

    work = Q(assignments__purpose="work", assignments__state__in=["leased", "judged"])
    touched = Comparison.objects.filter(waiting_since__isnull=False) | Comparison.objects.filter(
        slots_left__lt=F("wanted")
    )
    handed = touched.annotate(out=Count("assignments", filter=work, distinct=True))
    counted = Q(
        judgments__superseded_at__isnull=True,
        judgments__is_surplus=False,
        judgments__kind__in=Judgment.ANSWERS,
    )
    judged = touched.annotate(got=Count("judgments", filter=counted, distinct=True))
    print(
        json.dumps(
            {
                "duplicates": sum(c.out - c.wanted for c in handed if c.out > c.wanted),
                "overshoot": sum(c.got - c.wanted for c in judged if c.got > c.wanted),
                "surplus": Judgment.objects.filter(is_surplus=True, purpose="work").count(),
                "judgments": Judgment.objects.count(),
                "assignments": Assignment.objects.count(),
                "wrong": sum(not is_stored(*answer) for answer in json.load(sys.stdin)),
                "sql": count_sql(),
            }
        )
    )


def is_stored(session: str, uuid: str, shown: list[int], choice: str) -> bool:
    """Whether the answer of this session's labeler is in the database once, with the sides that
    were on screen; `shown` is the number of the question and those of the answers."""
    from django.contrib.sessions.models import Session

    from labeling.models import Judgment

    judgments = list(
        Judgment.objects.filter(assignment__uuid=uuid, superseded_at__isnull=True).select_related(
            "comparison__prompt"
        )
    )
    if len(judgments) != 1:
        return False
    judgment = judgments[0]
    texts = {response.pk: response.text for response in judgment.comparison.responses.all()}
    number = {pk: int(text.split(".")[0].removeprefix("Answer ")) for pk, text in texts.items()}
    question, *answers = shown
    by_choice = {"left": judgment.order[:1], "right": judgment.order[1:]}
    chosen = by_choice.get(choice)
    return (
        str(judgment.labeler_id) == Session.objects.get(pk=session).get_decoded()["_auth_user_id"]
        and judgment.comparison.prompt.last_message.startswith(f"Question {question}:")
        and [number[pk] for pk in judgment.order] == answers
        and judgment.kind == ("prefer" if chosen else "tie")
        and (not chosen or judgment.tiers[0] == chosen)
    )


def count_sql() -> int:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from labeling.models import Membership

    member = Membership.objects.select_related("user", "project").earliest("pk")
    client = Client(headers={"host": "localhost", "hx-request": "true"})
    client.force_login(member.user)
    html = client.get(f"/projects/{member.project.slug}/label/").content.decode()
    most = 0
    for _ in range(5):
        address = re.search(r"/assignments/[0-9a-f-]+/judgment/", html)
        assert address, html[:300]
        with CaptureQueriesContext(connection) as captured:
            html = client.post(address.group(), {"choice": "left"}).content.decode()
        most = max(most, sum(1 for query in captured if not TRANSACTION.match(query["sql"])))
    return most


if __name__ == "__main__":
    main()
