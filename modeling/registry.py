"""Which policies and reward models a project has, and which of them are in service.

A promotion or a roll-back changes a pointer in `Loop` and nothing else.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet

from config.nudges import nudge
from labeling.audit import write_entry
from labeling.model_locations import NotUsable, check_model, resolve
from labeling.models import Project, User
from modeling.core.chat_server import is_server, parse_server
from modeling.core.errors import ProgramError
from modeling.doubting import raise_doubts
from modeling.models import Loop, Policy, RewardModel, Round

LANGUAGE_MODELS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")

Status = RewardModel.Status

__all__ = [
    "NotUsable", "check_model", "check_policy", "check_reward_model", "loop_of", "make_current",
    "make_live", "next_version", "register_policy", "resolve", "shadow_of",
]  # fmt: skip


def loop_of(project: Project) -> Loop:
    return Loop.objects.get_or_create(project=project)[0]


def check_policy(location: str) -> None:
    """Raises NotUsable unless a folder holds a language model. Hub ids and addresses of servers
    are checked by their form: nothing is downloaded and nobody is asked here."""
    if is_server(location):
        try:
            parse_server(location)
        except ProgramError as problem:
            raise NotUsable(f"{problem.message} {problem.hint}") from problem
        return
    folder = check_model(location)
    architectures = _architectures(folder) if folder else []
    if architectures and not any(name.endswith(LANGUAGE_MODELS) for name in architectures):
        raise NotUsable(
            f"{folder} holds a {architectures[0]}, which does not write text: "
            "a policy is a causal language model."
        )


def _architectures(folder: Path) -> list[str]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except ValueError as problem:
        raise NotUsable(f"{path} is not JSON: the model folder is damaged.") from problem
    names = config.get("architectures") if isinstance(config, dict) else None
    return [str(name) for name in names or []]


def _short_name(location: str) -> str:
    name = parse_server(location).model if is_server(location) else location
    return Path(name).name


def register_policy(
    project: Project,
    name: str,
    location: str,
    by: User | None = None,
    *,
    make_current: bool = True,
    notes: str = "",
) -> Policy:
    """A new version of the policy; unless told otherwise it takes over sampling."""
    location = location.strip()
    check_policy(location)
    while True:
        version = next_version(Policy.objects.filter(project=project))
        try:
            with transaction.atomic():
                policy = Policy.objects.create(
                    project=project,
                    version=version,
                    name=name.strip() or _short_name(location),
                    location=location,
                    parent=loop_of(project).policy,
                    notes=notes,
                    created_by=by,
                )
                write_entry(project, by, "policy registered", policy, location=location)
                if make_current:
                    _point_at(policy, by)
            return policy
        except IntegrityError:
            # Somebody took this version at the same moment; any other cause is a real error.
            if not Policy.objects.filter(project=project, version=version).exists():
                raise


def next_version(existing: QuerySet[Any]) -> int:
    """The number of the version that follows these rows of one project."""
    return (existing.aggregate(last=Max("version"))["last"] or 0) + 1


def make_current(policy: Policy, by: User | None) -> bool:
    """Puts this version in service (also the way back to an earlier one)."""
    check_policy(policy.location)
    with transaction.atomic():
        return _point_at(policy, by)


def _point_at(policy: Policy, by: User | None) -> bool:
    loop = loop_of(policy.project)
    before = loop.policy
    if before == policy:
        return False
    changed = Loop.objects.filter(pk=loop.pk, policy=before).update(policy=policy)
    if changed:
        write_entry(
            policy.project,
            by,
            "policy put in service",
            policy,
            instead_of=before.version if before else None,
        )
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", policy.project_id))
    return bool(changed)


def check_reward_model(reward_model: RewardModel) -> None:
    """Raises NotUsable when a folder of it is gone: nothing could be scored any more."""
    if gone := reward_model.gone:
        raise NotUsable(
            f"The folder {gone[0]} is gone. "
            "Put it back, or use another version of the reward model."
        )


def make_live(reward_model: RewardModel, by: User | None, reason: str = "") -> bool:
    """Puts this reward model in service and retires the one before. False: it was so already,
    or somebody else changed the pointer at the same moment. Raises NotUsable."""
    check_reward_model(reward_model)
    with transaction.atomic():
        loop = loop_of(reward_model.project)
        before = loop.reward_model
        if before == reward_model:
            return False
        changed = Loop.objects.filter(pk=loop.pk, reward_model=before).update(
            reward_model=reward_model,
            shadow=before,
            shadow_until=_newest_round(reward_model.project) + 1,
        )
        if not changed:
            return False
        RewardModel.objects.filter(project=reward_model.project, status=Status.LIVE).update(
            status=Status.RETIRED
        )
        RewardModel.objects.filter(pk=reward_model.pk).update(status=Status.LIVE)
        reward_model.status = Status.LIVE
        raise_doubts(reward_model)
        write_entry(
            reward_model.project,
            by,
            "reward model put in service",
            reward_model,
            reason,
            instead_of=before.version if before else None,
        )
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", reward_model.project_id))
        return True


def shadow_of(project: Project) -> RewardModel | None:
    """The predecessor of the model in service, as long as it foretells in its shadow: until the
    end of the first whole round after the promotion."""
    loop = Loop.objects.filter(project=project).select_related("shadow__snapshot").first()
    if loop is None or loop.shadow is None or _newest_round(project) > loop.shadow_until:
        return None
    return loop.shadow


def _newest_round(project: Project) -> int:
    rounds = Round.objects.filter(project=project)
    return rounds.aggregate(newest=Max("number"))["newest"] or 0
