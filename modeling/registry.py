"""Which policies and reward models a project has, and which of them are in service.

A promotion or a roll-back changes a pointer in `Loop` and nothing else.
"""

import json
import re
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from config.nudges import nudge
from labeling.audit import write_entry
from labeling.models import Project, User
from modeling.models import Loop, Policy, RewardModel

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")
LANGUAGE_MODELS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")

Status = RewardModel.Status


class NotUsable(ValueError):
    """The model cannot be used as asked. The message is a sentence for people."""


def loop_of(project: Project) -> Loop:
    return Loop.objects.get_or_create(project=project)[0]


def resolve(location: str) -> str:
    """The absolute folder that `location` names, or else the hub id as it is.

    Relative folders lie below the program's folder (the demo policy) or DATA_DIR (what runs
    have made), so that both can be moved."""
    path = Path(location).expanduser()
    if path.is_absolute():
        return str(path)
    for root in (Path(settings.BASE_DIR), Path(settings.DATA_DIR)):
        if (root / path).is_dir():
            return str(root / path)
    return location


def check_policy(location: str) -> None:
    """Raises NotUsable unless a folder holds a language model; hub ids are checked by their form,
    for nothing is downloaded here."""
    folder = Path(resolve(location))
    if not folder.is_absolute():
        if not HUB_ID.fullmatch(location):
            raise NotUsable(f"“{location}” is neither a folder nor a hub id such as org/name.")
        return
    if not folder.is_dir():
        raise NotUsable(f"There is no folder {folder}.")
    architectures = _architectures(folder)
    if architectures and not any(name.endswith(LANGUAGE_MODELS) for name in architectures):
        raise NotUsable(
            f"{folder} holds a {architectures[0]}, which does not write text: "
            "a policy is a causal language model."
        )
    if not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        raise NotUsable(f"{folder} has no weights (model.safetensors): the model is incomplete.")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise NotUsable(f"{folder} has no tokenizer (tokenizer.json): save it beside the model.")


def _architectures(folder: Path) -> list[str]:
    path = folder / "config.json"
    if not path.is_file():
        raise NotUsable(f"{folder} has no config.json: it is not a model folder.")
    try:
        config = json.loads(path.read_bytes())
    except ValueError as problem:
        raise NotUsable(f"{path} is not JSON: the model folder is damaged.") from problem
    names = config.get("architectures") if isinstance(config, dict) else None
    return [str(name) for name in names or []]


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
        last = Policy.objects.filter(project=project).aggregate(last=Max("version"))["last"] or 0
        try:
            with transaction.atomic():
                policy = Policy.objects.create(
                    project=project,
                    version=last + 1,
                    name=name.strip() or Path(location).name,
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
            if not Policy.objects.filter(project=project, version=last + 1).exists():
                raise


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


def make_live(reward_model: RewardModel, by: User | None, reason: str = "") -> bool:
    """Puts this reward model in service and retires the one before. False: it was so already,
    or somebody else changed the pointer at the same moment."""
    with transaction.atomic():
        loop = loop_of(reward_model.project)
        before = loop.reward_model
        if before == reward_model:
            return False
        changed = Loop.objects.filter(pk=loop.pk, reward_model=before).update(
            reward_model=reward_model
        )
        if not changed:
            return False
        RewardModel.objects.filter(project=reward_model.project, status=Status.LIVE).update(
            status=Status.RETIRED
        )
        RewardModel.objects.filter(pk=reward_model.pk).update(status=Status.LIVE)
        reward_model.status = Status.LIVE
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
