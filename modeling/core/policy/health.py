"""What a set of rollouts says about the policy that wrote them, and which weights are kept.

The rollouts of a step are drawn before its update, so they measure the policy as the steps before
have left it. Only weights that were measured can be kept.
"""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from modeling.core.losses.kl import sequence_kl
from modeling.core.policy.rollouts import Rollout
from modeling.core.policy_models.actors import put_weights, trained_weights
from modeling.core.policy_models.rewards import Shaping
from modeling.measures.limits import Bounds, is_beyond

MOST_EMPTY = 0.5  # share of the responses
MOST_REPEATED = 0.5  # share of a response's three-token sequences that it had before, mean
MOST_ALIKE = 0.5  # share of the prompts that get one and the same response
ENOUGH_PROMPTS = 8  # to say so
SMOOTHED = 5  # measurements over which the objective is averaged


@dataclass(frozen=True)
class Measure:
    """Means over rollouts. `objective` is what is maximised: reward less coefficient times KL."""

    reward: float  # what is trained on
    score: float  # the reward model's, as it is
    score_std: float  # over the responses
    variance: float  # over the reward model's members
    variance_error: float  # its standard error, by prompt
    kl: float  # nats per response
    kl_error: float  # its standard error, by prompt
    entropy: float  # nats per response
    length: float  # tokens
    length_error: float  # its standard error, by prompt
    shortest: int
    longest: int
    ended_share: float
    empty_share: float
    repeated_share: float
    alike_share: float
    objective: float
    objective_error: float  # its standard error

    def metrics(self) -> dict[str, float]:
        """Under the names of docs/metrics.md."""
        return {
            "reward": self.reward,
            "reward_std": self.score_std,
            "reward_variance": self.variance,
            "reward_variance_error": self.variance_error,
            "objective/kl": self.kl,
            "objective/kl_error": self.kl_error,
            "objective/entropy": self.entropy,
            "objective/scores": self.score,
            "objective/rlhf_reward": self.objective,
            "objective/non_score_reward": self.objective - self.reward,
            "completions/mean_length": self.length,
            "completions/length_error": self.length_error,
            "completions/min_length": float(self.shortest),
            "completions/max_length": float(self.longest),
            "completions/clipped_ratio": 1 - self.ended_share,
            "completions/empty_ratio": self.empty_share,
            "completions/repeated_ratio": self.repeated_share,
        }


def measure(
    rollouts: Sequence[Rollout], *, estimator: str, coefficient: float, shaping: Shaping
) -> Measure:
    """Take the means over some rollouts. `coefficient`: of the KL in the objective. Raises
    ValueError for no rollouts."""
    mean = statistics.fmean
    scores = [rollout.reward for rollout in rollouts]
    rewards = [shaping(rollout.reward, rollout.ended) for rollout in rollouts]
    kls = [sequence_kl(r.logps, r.reference_logps, estimator) for r in rollouts]
    objectives = [reward - coefficient * kl for reward, kl in zip(rewards, kls, strict=True)]
    lengths = [len(rollout.tokens) for rollout in rollouts]
    variances = [rollout.variance for rollout in rollouts]
    prompts = [rollout.prompt for rollout in rollouts]
    return Measure(
        reward=mean(rewards),
        score=mean(scores),
        score_std=statistics.pstdev(scores),
        variance=mean(variances),
        variance_error=error_by_prompt(prompts, variances),
        kl=mean(kls),
        kl_error=error_by_prompt(prompts, kls),
        entropy=mean(-sum(rollout.logps) for rollout in rollouts),
        length=mean(lengths),
        length_error=error_by_prompt(prompts, lengths),
        shortest=min(lengths),
        longest=max(lengths),
        ended_share=mean(rollout.ended for rollout in rollouts),
        empty_share=mean(not rollout.text.strip() for rollout in rollouts),
        repeated_share=mean(repeated_share(rollout.tokens) for rollout in rollouts),
        alike_share=alike_share(rollouts),
        objective=mean(objectives),
        objective_error=statistics.pstdev(objectives) / math.sqrt(len(objectives)),
    )


def error_by_prompt(prompts: Sequence[tuple[int, ...]], values: Sequence[float]) -> float:
    """Estimate the standard error of the mean from the means of the prompts: responses to one
    prompt are alike, so they do not count as independent. With a single prompt its responses have
    to do; 0 for a single value."""
    groups: dict[tuple[int, ...], list[float]] = {}
    for prompt, value in zip(prompts, values, strict=True):
        groups.setdefault(prompt, []).append(value)
    means = [statistics.fmean(group) for group in groups.values()]
    if len(means) == 1:
        means = list(values)
    return statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else 0.0


def repeated_share(tokens: Sequence[int]) -> float:
    """Share of a response's three-token sequences that it had before; 0 for up to three tokens."""
    triples = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    return 1 - len(set(triples)) / len(triples) if triples else 0.0


def alike_share(rollouts: Sequence[Rollout]) -> float:
    """Share of the prompts that got the most common text; 0 for fewer than ENOUGH_PROMPTS."""
    by_prompt = {(rollout.prompt, rollout.text.strip()) for rollout in rollouts}
    prompts = {prompt for prompt, _ in by_prompt}
    if len(prompts) < ENOUGH_PROMPTS:
        return 0.0
    (_, most), *_ = Counter(text for _, text in by_prompt).most_common(1)
    return most / len(prompts)


def reason_to_stop(measured: Measure, bounds: Bounds) -> str | None:
    """A sentence when the policy must not go on like this.

    What is beyond a bound by chance is no reason: a policy that an earlier round has left near its
    KL budget is beyond it half the time, and the coefficient draws it back."""
    return _collapsed(measured) or _out_of_bounds(measured, bounds)


def _out_of_bounds(measured: Measure, bounds: Bounds) -> str | None:
    if is_beyond(measured.kl, measured.kl_error, bounds.kl_budget):
        return (
            f"The policy went {measured.kl:.2f} nats from its reference, beyond the budget of "
            f"{bounds.kl_budget:g}."
        )
    if bounds.length_is_off(measured.length, measured.length_error):
        return (
            f"The responses drift in length: {measured.length:.0f} tokens on average, "
            f"{bounds.length:.0f} at the start. The reward may be for length as such."
        )
    if bounds.members_part(measured.variance, measured.variance_error):
        times = measured.variance / bounds.variance
        return (
            f"The reward models disagree {times:.1f} times as much (in variance) as at the start: "
            "they have not seen such responses judged."
        )
    return None


def _collapsed(measured: Measure) -> str | None:
    if measured.empty_share > MOST_EMPTY:
        return f"The policy has collapsed: {measured.empty_share:.0%} of its responses are empty."
    if measured.repeated_share > MOST_REPEATED:
        return (
            "The policy has collapsed: it repeats itself "
            f"({measured.repeated_share:.0%} of its three-token sequences came before)."
        )
    if measured.alike_share > MOST_ALIKE:
        return (
            "The policy has collapsed: it writes the same response to "
            f"{measured.alike_share:.0%} of the prompts."
        )
    return None


def may_be_exported(measured: Measure, step: int, kl_budget: float | None) -> bool:
    """Whether weights are likely to be within the KL budget when measured again, on other prompts:
    a standard error is added to the KL. Those of step 0, as they came, always may be exported."""
    return step == 0 or kl_budget is None or measured.kl + measured.kl_error <= kl_budget


STORED = ("step", "objective", "measured", "recent", "weights")


@dataclass
class WeightsToExport:
    """The weights that will be exported: those of a step that was measured and is in order.

    With `best` it is the latest step whose objective, averaged over the last SMOOTHED measurements,
    is not clearly (by two standard errors) below the highest one. Without, it is the latest step.
    """

    best: bool
    step: int = -1
    objective: float = float("-inf")
    measured: int = -1  # the latest step that was looked at
    recent: list[float] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def consider(self, step: int, figures: Measure, model: nn.Module) -> None:
        """Take a copy of the model's weights if they are to be exported rather than those so
        far."""
        if step <= self.measured:  # measured again after a restart
            return
        self.measured = step
        self.recent = [*self.recent[1 - SMOOTHED :], figures.objective]
        objective = statistics.fmean(self.recent)
        slack = 2 * figures.objective_error / math.sqrt(len(self.recent))
        if not self.best or objective >= self.objective - slack:
            self.step, self.weights = step, trained_weights(model)
        self.objective = max(self.objective, objective)

    def put_back(self, model: nn.Module) -> None:
        """Write the weights into the model."""
        put_weights(model, self.weights)

    def state(self) -> dict[str, Any]:
        """What goes into the checkpoint; `restore` takes it up."""
        return {key: getattr(self, key) for key in STORED}

    def restore(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)
