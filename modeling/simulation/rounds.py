"""A simulation over several rounds: the settings that make a round as long as it was asked to be,
and what became of each round."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from labeling.models import Project, User
from modeling.loop.changing_settings import change_loop_settings
from modeling.models import Loop, Round
from modeling.settings.choices import Aggregate, Improvement, Pooling, Promotion

DECIDED = (Round.State.PROMOTED, Round.State.REJECTED)
# Rounds in a row that end without a new policy (a rejected reward model, a failed run): give up.
MOST_WITHOUT = 3


@contextmanager
def settings_for_rounds(
    project: Project, by: User, judgments: int, algorithm: str = "", promotion: str = ""
) -> Iterator[dict[str, object]]:
    """Sets the project to rounds of about `judgments` judgments, each with a new policy, and sets
    it back afterwards. Both changes are in the audit log.

    Unless `promotion` says otherwise, best-of-n takes over at once and the others after a blind
    comparison: what best-of-n gains in a round is less than a few hundred judgments can tell."""
    improvement = algorithm or project.loop_settings.improvement
    if improvement == Improvement.OFF:
        improvement = Improvement.BEST_OF_N
    gentle = improvement == Improvement.BEST_OF_N
    wanted: dict[str, object] = {
        "improvement": improvement,
        "improve_after": 0,
        "promotion": promotion or (Promotion.AUTOMATIC if gentle else Promotion.BLIND),
        "retrain_after": judgments,
        "sample_prompts": max(40, judgments // 3),
        "queue_target": judgments,
        # Nobody tires of judging here, and a comparison that ends undecided is a round for nothing:
        # a win rate of 56 % takes 400 blind judgments half of the time, 800 three times in four.
        "comparison_size": 1500,
        # Small steps: what the next round's judgments say counts before the policy has gone far.
        # After 20 updates it was as good as this reward model can make it, and the next were worse.
        "improve_steps": 4,
        # So far from the first policy that a third round has somewhere to go.
        "kl_coefficient": 0.1,
        # What a few hundred judgments of a small world can carry: an ensemble that knows where it
        # is unsure, read over the whole response, always begun from the same policy.
        "base_model": project.loop_settings.base_model or _first_policy(project),
        "reward_pooling": Pooling.MEAN,
        "reward_members": 4,
        "reward_bootstrap": False,
        # Of many responses this reward model finds one that only it likes: from the third round on
        # the best of 4 is better, for the oracle, than the best of 16.
        "best_of": 4,
        "aggregate": Aggregate.UWO,
        "uwo_weight": 1.0,
    }
    before = {name: getattr(project.loop_settings, name) for name in wanted}
    change_loop_settings(project, by, wanted, by_operator=True)
    try:
        yield wanted
    finally:
        project.refresh_from_db()
        change_loop_settings(project, by, before, by_operator=True)


def _first_policy(project: Project) -> str:
    first = project.policies.order_by("version").first()
    return first.location if first else ""


@dataclass
class Goal:
    """`rounds` rounds, from now on, whose new policy was promoted or rejected. `tell` gets a
    sentence about each round that ends, these or others; `described` are the numbers of those."""

    project: Project
    rounds: int
    tell: Callable[[str], None]
    first: int = 0
    described: set[int] = field(default_factory=set)
    decided: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        newest = Round.objects.filter(project=self.project).exclude(state__in=Round.OPEN).first()
        self.first = newest.number if newest else 0

    def look(self) -> str | None:
        """None: go on. "": reached. Otherwise why it cannot be."""
        closed = Round.objects.filter(project=self.project, number__gt=self.first)
        for round_ in closed.exclude(state__in=Round.OPEN).order_by("number"):
            if round_.number not in self.described:
                self.described.add(round_.number)
                self.tell(describe_round(round_))
                if round_.state in DECIDED:
                    self.decided.append(round_)
        if len(self.decided) >= self.rounds:
            return ""
        if self._without() >= MOST_WITHOUT:
            return (
                f"{MOST_WITHOUT} rounds in a row ended without a new policy; the page Rounds says "
                "why."
            )
        stopped = Loop.objects.filter(project=self.project).exclude(improvement_stopped="").first()
        return f"The guard: {stopped.improvement_stopped}" if stopped else None

    def _without(self) -> int:
        """Rounds since the last one with a new policy."""
        last = max((round_.number for round_ in self.decided), default=self.first)
        return sum(number > last for number in self.described)


def describe_round(round_: Round) -> str:
    """Round 2: v2 → v3 promoted. The new policy's response won 71 % … Demo oracle 0.9 → 1.4."""
    name = f"v{round_.policy.version}" if round_.policy else "no policy"
    if round_.candidate:
        name += f" → v{round_.candidate.version}"
    parts = [f"Round {round_.number}: {name} {round_.get_state_display()}.", round_.reason]
    gold = round_.figures.gold
    if gold is not None:
        parts.append(f"Demo oracle {gold.current:.2f} → {gold.new:.2f}.")
    return " ".join(part for part in parts if part)
