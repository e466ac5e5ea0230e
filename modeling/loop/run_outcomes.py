"""What a run was given and what it came to: the reason of a failure, one line, its warnings."""

from collections.abc import Mapping
from dataclasses import dataclass

from labeling.texts.shown_paths import without_paths
from modeling.models import Run
from modeling.policies.improving import is_estimate
from modeling.reward_models.accuracy import accuracy_of, yardsticks_of
from modeling.runs.programs import LOG_FOLLOWS, WHERE
from modeling.settings.choices import Improvement

# Where a configuration holds a key, and the kind of row that it is the key of.
INPUT_KEYS = {
    "reward_model": "rewardmodel",
    "incumbent": "rewardmodel",
    "shadow": "rewardmodel",
    "policy": "policy",
    "reference": "policy",
    "candidate": "policy",
}
REWARD_ROLES = CHOSEN, RATED, IMPROVED, REWARDED = (
    "Chosen with",
    "Rated by",
    "Improved with",
    "Rewards by",
)


@dataclass(frozen=True)
class Failure:
    """Why a run failed: what was wrong, what to do about it, where; and the log's last lines."""

    words: str
    hint: str
    where: str
    log: str


def failure_of(run: Run) -> Failure:
    sentences, _, log = without_paths(run.error.strip()).partition(LOG_FOLLOWS)
    first, *rest = sentences.strip().split("\n")
    where = [line.removeprefix(WHERE) for line in rest if line.startswith(WHERE)]
    hint = [line for line in rest if line and not line.startswith(WHERE)]
    return Failure(first, "\n".join(hint), "\n".join(where), log.strip())


def reward_model_role(run: Run) -> str:
    """Names what the run used its reward model for."""
    if run.kind == Run.Kind.TRAIN_POLICY:
        if run.asked.only_estimates:
            return CHOSEN
        # DPO learns from the preferences themselves; the model only rates before and after.
        return RATED if run.asked.train_policy.get("algorithm") == Improvement.DPO else IMPROVED
    return REWARDED


def outcome_of(run: Run) -> str:
    """Says what a run has come to, in a few words for a list."""
    if run.state == Run.State.FAILED:
        return failure_of(run).words
    if run.state != Run.State.SUCCEEDED:
        return run.progress_text
    if run.kind == Run.Kind.TRAIN_REWARD:
        model = getattr(run, "reward_model", None)
        accuracy = accuracy_of(model)
        name = str(model) if model else "no model"
        if accuracy is None:
            return name
        held_against = str(yardsticks_of(model))
        outcome = f"{name}: {100 * accuracy.value:.1f} % accurate"
        if not accuracy.is_above_chance:
            outcome = f"{name}: {100 * accuracy.value:.1f} % right, {accuracy.chance_words}"
        return f"{outcome} ({held_against})" if held_against else outcome
    figures = run.figures
    if run.kind == Run.Kind.SAMPLE and figures.comparisons is not None:
        return f"{figures.comparisons} new pairs for {figures.prompts or 0} prompts"
    if is_estimate(run):
        return "best of n estimated, no new policy"
    if run.kind == Run.Kind.TRAIN_POLICY and "policy" in run.results:
        return f"policy v{figures.policy}" if figures.policy else "no new policy"
    if run.kind == Run.Kind.COMPARE and figures.comparisons is not None:
        return f"{figures.comparisons} pairs to compare blind"
    return run.progress_text


def warnings_of(run: Run) -> list[str]:
    """Lists the warnings of a run's program, or of all its stages, each once. Stages are sorted by
    name, since the order that a JSON column keeps depends on the database."""
    stages = [result for _, result in sorted(run.results.items()) if isinstance(result, Mapping)]
    warnings = [one for result in (run.results, *stages) for one in result.get("warnings") or ()]
    return list(dict.fromkeys(without_paths(str(one)) for one in warnings))
