"""Rounds as rows: one is opened, and moves from state to state by compare-and-set."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from modeling.loop.situation import Situation
from modeling.models import Round


def open_round(situation: Situation, now: datetime) -> None:
    """Opens the project's next round, unless one is open."""
    project = situation.project
    last = Round.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
    try:
        with transaction.atomic():
            Round.objects.create(
                project=project, number=last + 1, policy=situation.policy, started_at=now
            )
    except IntegrityError:
        pass  # another worker has just opened it: round_one_open_per_project


def move(round_: Round | None, state: str, **values: Any) -> bool:
    """Moves a round from the state that was read to another one. False: another worker was faster,
    or has closed the round since the decision."""
    if round_ is None:
        return False
    return bool(
        Round.objects.filter(pk=round_.pk, state=round_.state).update(state=state, **values)
    )
