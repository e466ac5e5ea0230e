"""Rows → files of the runs that improve a policy and that compare two."""

import random
from pathlib import Path

from labeling.models import Prompt
from labeling.models.material import Split
from modeling.core.generating.servers.chat_server import is_server
from modeling.models import Policy, Run
from modeling.models.versions import policy_by
from modeling.policies import blind, improving
from modeling.runs.files import (
    CannotPrepare,
    copy_snapshot,
    template_date,
    usable,
    usable_reward_model,
    write_config,
    write_prompts,
)

FEWEST_PROMPTS = 8


def prepare_improvement(run: Run, folder: Path) -> bool:
    """Writes config.json and prompts.jsonl for train_policy; for DPO preferences.jsonl instead."""
    assert run.policy is not None
    if is_server(run.policy.location):
        raise CannotPrepare(
            f"{run.policy} runs on another server, so it cannot be trained here. Train it there "
            "and register the new version; it can be compared blind with this one."
        )
    config = (
        template_date(run.project)
        | run.asked.train_policy
        | {
            "policy": usable(run.policy.location, str(run.policy), run.project),
            "reference": _reference(run),
            "reward_models": _reward_models(run),
        }
    )
    if run.snapshot is not None:
        copy_snapshot(run, folder)
    else:
        write_prompts(folder, _training_prompts(run))
    write_config(folder, "train_policy", config)
    return True


def _reference(run: Run) -> str:
    reference = policy_by(run.asked.reference)
    if reference is None:
        raise CannotPrepare("The reference policy, to which the KL is measured, was deleted.")
    return usable(reference.location, f"reference {reference}", run.project)


def _reward_models(run: Run) -> list[str]:
    pk = run.asked.reward_model
    if pk is None:
        return []
    model = usable_reward_model(pk)
    return [usable(str(path), str(model), run.project) for path in model.member_paths]


def _training_prompts(run: Run) -> list[int]:
    """Draws prompts of the train split, the same at every attempt. The other splits stay honest for
    the comparison."""
    split = Prompt.objects.filter(project=run.project, split=Split.TRAIN)
    ids = list(split.order_by("pk").values_list("pk", flat=True))
    if len(ids) < FEWEST_PROMPTS:
        raise CannotPrepare(
            f"There are only {len(ids)} prompts to train on (four of five prompts are in the train "
            "split). Import more prompts."
        )
    count = min(run.asked.prompts, len(ids))
    return random.Random(run.seed).sample(ids, count)


def prepare_comparison(run: Run, folder: Path) -> bool:
    """The same prompts for both policies."""
    candidate = policy_by(run.asked.candidate)
    if candidate is None or run.policy is None:
        raise CannotPrepare("One of the two policies was deleted.")
    # Kept over a retry: by then other prompts would be chosen, and half of them are done already.
    if not (folder / "prompts.jsonl").exists():
        write_prompts(folder, _comparison_prompts(run, candidate))
    both = {"current": run.policy, "new": candidate}
    locations = {
        name: usable(policy.location, str(policy), run.project) for name, policy in both.items()
    }
    config = template_date(run.project) | run.asked.sample | {"policies": locations}
    write_config(folder, "sample", config)
    return True


def _comparison_prompts(run: Run, candidate: Policy) -> list[int]:
    trained_on = improving.trained_on(candidate)
    chosen = blind.choose_prompts(run.project, run.asked.pairs, run.seed, trained_on)
    if not chosen:
        raise CannotPrepare("There are no prompts to compare the two policies on.")
    return chosen
