"""Who decides what is in service holds the row of Loop meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from django.db import transaction

from labeling.models import Project
from modeling.models import Loop, Policy, RewardModel
from modeling.models.versions import loop_of


class Outrun(Exception):
    """Somebody else has decided in the meantime; nothing was changed. The message is a sentence for
    people."""


class Now(Enum):
    """What somebody who decides has seen in service: that which is there as the call begins."""

    NOW = "now"


NOW = Now.NOW


def moved_to(other: Policy | RewardModel | None) -> str:
    """What somebody reads who decided while another one was put in service."""
    name = str(other) if other is not None else "No version"
    return (
        f"{name[:1].upper()}{name[1:]} was put in service in the meantime, so nothing was changed. "
        "Look again, and decide anew."
    )


@contextmanager
def deciding(project: Project) -> Iterator[Loop]:
    """A transaction in which nobody else changes what is in service. What the decision rests on is
    read within it."""
    with transaction.atomic():
        loop_of(project)
        yield Loop.objects.select_for_update().get(project=project)


def in_service(project: Project) -> tuple[int | None, int | None]:
    """Keys of the policy and the reward model that are in service now."""
    pointers = Loop.objects.filter(project=project).values_list("policy_id", "reward_model_id")
    return pointers.first() or (None, None)
