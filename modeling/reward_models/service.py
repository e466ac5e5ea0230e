"""Which reward model is in service, and how a person puts one there or rejects it.

Whether a newly trained one goes there by itself is in gates.py.
"""

from functools import partial

from django.db import transaction
from django.db.models import Max

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import Project, User
from labeling.people.audit import write_entry
from labeling.projects.model_locations import NotUsable
from labeling.texts.shown_paths import without_paths
from labeling.webhooks import events
from labeling.webhooks.outbox import link
from modeling.models import Loop, RewardModel, Round
from modeling.models.deciding import NOW, Now, Outrun, deciding, in_service, moved_to
from modeling.reward_models.doubting import raise_doubts
from modeling.runs import model_files

Status = RewardModel.Status


def check_reward_model(reward_model: RewardModel) -> None:
    """Raises NotUsable when a folder of it is gone or was changed: nothing could be scored."""
    if gone := reward_model.gone:
        raise NotUsable(
            f"The folder {without_paths(str(gone[0]))} is gone. "
            "Put it back, or use another version of the reward model."
        )
    # Somebody waits for this: what reads the weights looks at them again, byte by byte.
    model_files.check(reward_model, sizes_only=True)


def make_live(reward_model: RewardModel, by: User | None, reason: str = "") -> bool:
    """Puts this reward model in service and retires the one before. False: it was in service
    already, or somebody else changed the pointer at the same moment. Raises NotUsable."""
    _, before = in_service(reward_model.project)
    check_reward_model(reward_model)
    with deciding(reward_model.project) as loop:
        return loop.reward_model_id == before and point_at_model(reward_model, by, reason, loop)


def point_at_model(model: RewardModel, by: User | None, reason: str, loop: Loop) -> bool:
    """Moves the pointer of `loop`, which `deciding` has locked. False: it pointed there already."""
    before, project = loop.reward_model, model.project
    if before == model:
        return False
    loop.reward_model, loop.shadow = model, before
    loop.shadow_until = _newest_round(project) + 1
    loop.save(update_fields=["reward_model", "shadow", "shadow_until"])
    RewardModel.objects.filter(project=project, status=Status.LIVE).update(status=Status.RETIRED)
    RewardModel.objects.filter(pk=model.pk).update(status=Status.LIVE)
    model.status = Status.LIVE
    raise_doubts(model)
    write_entry(
        project,
        by,
        "reward model put in service",
        model,
        reason,
        instead_of=before.version if before else None,
    )
    events.model_promoted(
        project,
        by,
        kind="reward_model",
        version=model.version,
        name=without_paths(model.base_model),
        instead_of=before.version if before else None,
        reason=without_paths(reason),
        url=link("reward-model", model.pk),
    )
    transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return True


def promote_reward_model(
    model: RewardModel, by: User, reason: str = "", *, instead_of: int | Now | None = NOW
) -> bool:
    """Puts a model into service by hand, whatever the checks said; an earlier version rolls back.
    False: it was in service already. Raises NotUsable, and Outrun when another model than
    `instead_of`, which the person saw when they decided, is in service by now."""
    seen = in_service(model.project)[1] if instead_of is NOW else instead_of
    check_reward_model(model)
    return _promote(model, by, reason or "by hand", seen)


@retried
def _promote(model: RewardModel, by: User, reason: str, seen: int | None) -> bool:
    with deciding(model.project) as loop:
        if loop.reward_model_id not in (seen, model.pk):
            raise Outrun(moved_to(loop.reward_model))
        return point_at_model(model, by, reason, loop)


@retried
def reject_reward_model(model: RewardModel, by: User, reason: str = "") -> bool:
    """Rejects a model by hand. False for the model in service, which goes when another one takes
    its place, and for one that is rejected already."""
    with deciding(model.project):
        changed = RewardModel.objects.filter(
            pk=model.pk, status__in=(Status.CANDIDATE, Status.RETIRED)
        ).update(status=Status.REJECTED)
        if changed:
            write_entry(model.project, by, "reward model rejected", model, reason or "by hand")
            transaction.on_commit(partial(nudge, "modeling.tasks.advance", model.project_id))
    return bool(changed)


def shadow_of(project: Project) -> RewardModel | None:
    """Gives the predecessor of the model in service, as long as it foretells in its shadow: until
    the end of the first whole round after the promotion."""
    loop = Loop.objects.filter(project=project).select_related("shadow__snapshot").first()
    if loop is None or loop.shadow is None or _newest_round(project) > loop.shadow_until:
        return None
    return loop.shadow


def _newest_round(project: Project) -> int:
    rounds = Round.objects.filter(project=project)
    return rounds.aggregate(newest=Max("number"))["newest"] or 0
