"""Improve a policy against a frozen reward model, or on preferences.

    python -m modeling.core.train_policy RUN_DIR

Reads RUN_DIR/config.json and prompts.jsonl (for DPO preferences.jsonl); writes metrics.jsonl as it
goes, checkpoint/, and at the end model/, samples.jsonl and result.json (formats:
docs/learning-programs.md). Started again on the same folder it goes on from its checkpoint and ends
with the same weights. `accelerate launch -m modeling.core.train_policy RUN_DIR` shares the work.

PPO and RLOO are in policy/gradient.py, DPO and learning the best-of-n in policy/offline.py. All of
them measure the policy on the way, stop when it has gone too far or collapsed, and export weights
that were measured and found in order. Left out: models that do not fit one device, several turns,
rewards per token.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerBase

from modeling.core.generating.plain_generation import choose_generator
from modeling.core.loading.adapters import add_adapter
from modeling.core.messages import messages_of
from modeling.core.policy.gradient import improve
from modeling.core.policy.health import Measure, WeightsToExport, measure
from modeling.core.policy.offline import TokenPair, distill, prefer
from modeling.core.policy.pairs import read_pairs
from modeling.core.policy.phases import END, EXPORTING, LOADING, REFERENCE, START, VALUES, phases_of
from modeling.core.policy.pool import best_texts, draw_pool, rewards_of
from modeling.core.policy.rollouts import Rollout, reference_rewards, roll
from modeling.core.policy.settings import resolve
from modeling.core.policy.task import Task, encode_all, hold_out, read_prompts
from modeling.core.policy.update import fit_values
from modeling.core.policy_models.actors import export_policy, load_actor, load_value_model
from modeling.core.policy_models.rewards import FrozenReward, Shaping, flat_rewards_warning
from modeling.core.program import parallel
from modeling.core.program.device import choose_device
from modeling.core.program.errors import ProgramError
from modeling.core.program.files import sha256_of, write_jsonl
from modeling.core.program.run_dir import RunDir, run_program
from modeling.core.program.whole import Phase
from modeling.core.texts.chat_end import find_stop_ids
from modeling.core.texts.groups import PromptGroup, read_groups
from modeling.core.texts.left_out import find_refusals, sentences, without_refused
from modeling.core.texts.text import Prompt, choose_max_length
from modeling.measures.best_of_n import best_of_n_curve
from modeling.measures.limits import Bounds
from modeling.run_data.train_policy import (
    TrainedPolicyResult,
    TrainPolicyConfig,
    TrainPolicyResolved,
    TrainPolicyResult,
)

EXPORT_TEXTS = 16


def main(run: RunDir) -> TrainPolicyResult | None:
    """Run the program. Returns the result in the first process, None in others."""
    started = time.monotonic()
    try:
        task, pairs = prepare(run, parallel.join())
        run.cancel_at_once = False  # from here on a cancelled run saves its checkpoint first
        figures = improve_policy(task, pairs)
    finally:
        parallel.leave()
    if task.group.rank > 0:
        return None
    figures |= common_figures(task) | {"seconds": round(time.monotonic() - started, 2)}
    kind = TrainPolicyResult if figures["model_dir"] is None else TrainedPolicyResult
    return kind(**figures)


def prepare(run: RunDir, group: parallel.Processes) -> tuple[Task, list[TokenPair]]:
    """Read and check everything, so that what can fail early does."""
    unresolved = run.read_config(TrainPolicyConfig)
    is_dpo = unresolved.algorithm == "dpo"
    path = run.path / ("preferences.jsonl" if is_dpo else "prompts.jsonl")
    groups, texts, warnings = read_inputs(path, is_dpo)
    device = choose_device(unresolved.device)
    reference = unresolved.reference or unresolved.policy
    run.plan([Phase(LOADING, 1.0), Phase(START, 9.0)])
    run.begin(LOADING, f"Loading the policy {unresolved.policy} for {device}.")
    actor = load_actor(
        unresolved.policy,
        reference,
        adapter=unresolved.adapter,
        rank=unresolved.lora_rank,
        seed=unresolved.seed,
        device=device,
        day=unresolved.template_date,
    )
    reward = load_reward(unresolved)
    judges = [] if reward is None else reward.tokenizers
    groups, texts, left_out, on_roles = without_refused_prompts(
        [actor.tokenizer, *judges], groups, texts, path
    )
    warnings += on_roles
    max_length = choose_max_length(unresolved.max_length, actor.tokenizer, actor.model)
    config = resolve(unresolved, actor.model.num_parameters(), max_length, device)
    prompts, held_out, few = hold_out(encode_all(actor, texts, config), config.eval_prompts)
    generator, slow = choose_generator(actor.model)
    warnings += [sentence for sentence in (few, slow) if sentence]
    # Same seed, same bytes. Where a GPU has no such kernel, a warning is better than no run.
    torch.use_deterministic_algorithms(True, warn_only=True)
    task = Task(
        run=run,
        config=config,
        group=group,
        actor=actor,
        reward=reward,
        stop_ids=find_stop_ids(actor.model, actor.tokenizer),
        generate=generator,
        device=device,
        data_sha256=sha256_of(path),
        prompts=prompts,
        held_out=held_out,
        shaping=Shaping(penalty=config.missing_end_penalty),
        warnings=warnings,
        left_out=left_out,
    )
    task.use_threads(config.threads)
    task.share_prompts(*actor.models)
    held = {prompt.messages for prompt in held_out} if few is None else set()
    pairs = read_pairs(task, [group for group in groups if group.prompt not in held])
    run.plan(phases_of(task.config, len(prompts), len(held_out), len(pairs)))
    return task, pairs


def read_inputs(
    path: Path, is_dpo: bool
) -> tuple[list[PromptGroup], list[tuple[str, Prompt]], list[str]]:
    """Returns the preferences (of DPO), the prompts, and warnings. Raises ProgramError for none."""
    groups, warnings = read_groups(path, 0.0) if is_dpo else ([], [])
    texts = prompts_of(groups) if is_dpo else read_prompts(path)
    if not texts:
        raise ProgramError(
            f"There is nothing to learn from: {path.name} is empty.",
            where=path.name,
            hint="Add prompts (for DPO: preferences), one per line.",
        )
    return groups, texts, warnings


def without_refused_prompts(
    tokenizers: Sequence[PreTrainedTokenizerBase],
    groups: list[PromptGroup],
    texts: list[tuple[str, Prompt]],
    path: Path,
) -> tuple[list[PromptGroup], list[tuple[str, Prompt]], list[dict[str, Any]], list[str]]:
    """Leave out prompts that the policy's or a reward model's chat template refuses. Returns the
    groups of DPO, all prompts, rows for the result on what was left out, and sentences."""
    if groups:
        groups, rows, said = without_refused(tokenizers, groups, path)
        return groups, prompts_of(groups), rows, said
    refusals = find_refusals(tokenizers, [prompt for _, prompt in texts])
    rows = refusals.rows(path, dict(texts))
    said = sentences(refusals, rows, len(texts), "prompts")
    return groups, [one for one in texts if one[1] not in refusals.reasons], rows, said


def load_reward(config: TrainPolicyConfig) -> FrozenReward | None:
    """Load the reward models that the config names; None where it names none."""
    if not config.reward_models:
        return None
    return FrozenReward(
        config.reward_models,
        aggregate=config.aggregate,
        uwo_weight=config.uwo_weight,
        device=config.device,
    )


def prompts_of(groups: list[PromptGroup]) -> list[tuple[str, Prompt]]:
    """The groups' distinct prompts, with ids made up: preferences.jsonl has none for prompts."""
    distinct = dict.fromkeys(group.prompt for group in groups)
    return [(f"prompt {number}", prompt) for number, prompt in enumerate(distinct, start=1)]


def improve_policy(task: Task, pairs: list[TokenPair]) -> dict[str, Any]:
    """Measure, improve, measure again, export."""
    each = task.config.eval_responses
    count = len(task.held_out) * each
    task.run.begin(START, f"Measuring the policy as it is: {count} responses to held-out prompts.")
    before = roll(task, task.held_out, each, "held out", phase=START)
    if task.config.normalise:
        # One scale for all rounds: on that of a policy that hardly varies any more, the same KL
        # coefficient would hold it back less and less.
        scale = [rollout.reward for rollout in before]
        if task.config.reference != task.config.policy and task.reward is not None:
            scale = reference_rewards(task, task.held_out, each, "held out")
        task.shaping = task.shaping.scaled_to(scale)
        flat = flat_rewards_warning(scale) if task.reward is not None else None
        if flat is not None:
            task.remark(flat)
    figures = figures_of(task, before, "before") | scale_of(task)
    task.bounds = bounds_of(task.config, figures)
    to_export, loop_figures = run_algorithm(task, pairs, before)
    figures |= loop_figures
    if to_export is None:
        return figures | {"model_dir": None}
    to_export.put_back(task.actor.model)
    task.run.begin(END, "Measuring the policy as it has become.")
    after = roll(task, task.held_out, each, "held out", phase=END)
    figures |= figures_of(task, after, "after")
    if task.group.rank == 0:
        write_samples(task, before, after)
        task.run.begin(EXPORTING, "Saving the policy and loading it again.")
        texts = [rollout.as_text for rollout in after[:EXPORT_TEXTS]]
        error = export_policy(task.actor, task.run.path / "model", texts, figures)
        figures |= {"export_max_error": error}
    return figures | {"model_dir": "model", "exported": why(to_export, loop_figures)}


def run_algorithm(
    task: Task, pairs: list[TokenPair], before: list[Rollout]
) -> tuple[WeightsToExport | None, dict[str, Any]]:
    """Run the algorithm. Returns the weights to export (None: nothing was trained) and figures for
    result.json. `before`: what the policy writes to held-out prompts."""
    config = task.config
    if config.is_online:
        value = None
        if config.algorithm == "ppo":
            task.run.begin(VALUES)
            value, sentence = load_value_model(
                config.reward_models, config.policy, task.actor, task.device
            )
            task.run.say(sentence)
            task.share_prompts(value)
            fit_values(task, value, before)
            if config.adapter == "lora":
                rank, seed = config.lora_rank, config.seed
                add_adapter(value, "score", rank=rank, alpha=2 * rank, seed=seed)
        return improve(task, value)
    if config.algorithm == "dpo":
        task.run.begin(REFERENCE, f"Reading {len(pairs)} pairs with the reference.")
        return prefer(task, pairs)
    pool = draw_pool(task)
    curve = {"best_of_n": best_of_n_curve(rewards_of(pool), config.seed)}
    if not config.distill:
        return None, curve | {"steps": 0, "stopped": None}
    best = best_texts(pool, task.shaping, config.kl_coefficient)
    to_export, loop_figures = distill(task, best)
    return to_export, loop_figures | curve


def figures_of(task: Task, rollouts: list[Rollout], when: str) -> dict[str, Any]:
    """Take the figures of responses to held-out prompts; `when`: "before" or "after"."""
    measured: Measure = measure(
        rollouts,
        estimator=task.config.kl_estimator,
        coefficient=task.config.kl_coefficient,
        shaping=task.shaping,
    )
    rewarded = task.reward is not None
    return {
        f"reward_{when}": measured.score if rewarded else None,
        f"reward_std_{when}": measured.score_std if rewarded else None,
        f"reward_variance_{when}": measured.variance if rewarded else None,
        f"kl_{when}": measured.kl,
        f"length_{when}": measured.length,
        f"ended_share_{when}": measured.ended_share,
    } | (
        {"kl": measured.kl, "kl_error": measured.kl_error, "ended_share": measured.ended_share}
        if when == "after"
        else {}
    )


def bounds_of(config: TrainPolicyResolved, figures: dict[str, Any]) -> Bounds:
    """The limits that stop the run, given the figures of the policy as it was."""
    return Bounds(
        kl_budget=config.kl_budget,
        length_ratio=config.length_ratio,
        length=config.length_start or figures["length_before"],
        variance_ratio=config.variance_ratio,
        variance=figures["reward_variance_before"] or 0.0,
    )


def scale_of(task: Task) -> dict[str, Any]:
    """Mean and deviation of what the reference writes, by which rewards of all rounds compare."""
    known = task.reward is not None and task.config.normalise
    return {
        "reward_mean_reference": task.shaping.mean if known else None,
        "reward_std_reference": task.shaping.std if known else None,
    }


def common_figures(task: Task) -> dict[str, Any]:
    """The figures of result.json that every algorithm has."""
    everyone = task.prompts + [p for p in task.held_out if p not in task.prompts]
    return {
        "algorithm": task.config.algorithm,
        "prompts": len(task.prompts),
        "held_out_prompts": len(task.held_out),
        "truncated": sum(prompt.truncated for prompt in everyone),
        "left_out": task.left_out,
        "warnings": task.warnings,
        "config": task.config.as_json(),
        "data_sha256": task.data_sha256,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }


def why(to_export: WeightsToExport, loop_figures: dict[str, Any]) -> dict[str, Any]:
    """Say which step's weights are in model/, and why these."""
    if loop_figures["stopped"] is not None:
        reason = "the latest that was in order before the run was stopped"
    elif to_export.step == loop_figures["steps"]:
        reason = "the last one"
    else:
        reason = "the last one that was measured"
    if to_export.best and to_export.step != loop_figures["steps"]:
        reason = (
            "the latest within the KL budget whose reward less coefficient times KL was not below "
            "the best's"
        )
    steps = loop_figures["steps"]
    return {"step": to_export.step, "reason": f"Step {to_export.step} of {steps}: {reason}."}


def write_samples(task: Task, before: list[Rollout], after: list[Rollout]) -> None:
    """Write one line per held-out prompt: what the policy wrote before and after, drawn with the
    same seeds."""

    def of(rollouts: list[Rollout], identifier: str) -> list[dict[str, Any]]:
        return [
            {"text": r.text, "reward": r.reward, "ended": r.ended, "tokens": len(r.tokens)}
            for r in rollouts
            if r.id == identifier
        ]

    write_jsonl(
        task.run.path / "samples.jsonl",
        (
            {
                "id": prompt.id,
                "prompt": messages_of(prompt.messages),
                "before": of(before, prompt.id),
                "after": of(after, prompt.id),
            }
            for prompt in task.held_out
        ),
    )


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
