"""Which strategy a project follows: its setting, unless that has gained nothing for too long."""

from functools import partial

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from config.nudges import nudge
from labeling.models import Project, User
from labeling.people.audit import write_entry
from modeling.models import QueueOrder, RewardModel
from modeling.selection.lift_record import why_no_lift
from modeling.settings.choices import Selection


def order_of_project(project: Project) -> QueueOrder:
    return QueueOrder.objects.get_or_create(
        project=project, defaults={"strategy": project.loop_settings.selection}
    )[0]


def strategy_of(project: Project) -> Selection:
    """What is followed now."""
    asked = project.loop_settings.selection
    fallen = QueueOrder.objects.filter(project=project, fallback_from=asked)
    return Selection.RANDOM if fallen.exists() else Selection(asked)


def fall_back_if_useless(project: Project, live: RewardModel) -> bool:
    """Falls back to random, once, with the reason where people see it. Choosing another strategy,
    or `try_again`, ends it. True when this call did it."""
    asked = project.loop_settings.selection
    if strategy_of(project) == Selection.RANDOM:
        return False
    counted_from = order_of_project(project).counted_from
    reason = why_no_lift(live, asked, project.loop_settings.selection_patience, counted_from)
    if not reason:
        return False
    with transaction.atomic():
        changed = (
            QueueOrder.objects.filter(project=project)
            .exclude(fallback_from=asked)
            .update(fallback_from=asked, fallback_reason=reason, fallback_at=timezone.now())
        )
        if changed:
            write_entry(project, None, "selection falls back to random", project, reason)
    return bool(changed)


def try_again(project: Project, by: User) -> bool:
    """Goes back to the project's strategy. What was measured until now no longer counts against
    it."""
    newest = RewardModel.objects.filter(project=project).aggregate(last=Max("version"))["last"]
    with transaction.atomic():
        changed = (
            QueueOrder.objects.filter(project=project)
            .exclude(fallback_from="")
            .update(
                fallback_from="", fallback_reason="", fallback_at=None, counted_from=newest or 0
            )
        )
        if changed:
            write_entry(project, by, "selection tries its strategy again", project)
            transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return bool(changed)
