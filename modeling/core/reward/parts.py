"""The trainings that one run consists of: the model, further members, points of a learning curve.

They are made one after the other, so that only one is in memory. What each leaves is kept beside
the checkpoint until the run is done: a run that is started again repeats none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modeling.core.program.checkpoint import MAIN
from modeling.core.reward.bootstrap import bootstrap_weight, rank_of
from modeling.core.texts.groups import PromptGroup
from modeling.run_data.train_reward import TrainRewardConfig


@dataclass(frozen=True)
class TrainingPart:
    """One training. Member 0 sees every prompt once, so that `model/` alone is what a run without
    further members would have given; the others see each as often as their bootstrap has it, or
    once as well where there is none."""

    name: str = MAIN  # its folder in the run, if it leaves a model
    member: int = 0
    fraction: float = 1.0  # of the train prompts
    has_bootstrap: bool = False

    @property
    def leaves_model(self) -> bool:
        """Whether a model is saved; a point of a learning curve leaves figures alone."""
        return self.fraction == 1.0

    @property
    def share(self) -> float:
        """About which share of the train prompts it sees; a bootstrap leaves out e^-1 of them."""
        return 0.632 if self.has_bootstrap else self.fraction

    @property
    def words(self) -> str:
        """The part's name for people, in the log."""
        if self.name == MAIN:
            return "the model"
        return f"member {self.member}" if self.leaves_model else f"{self.fraction:.0%} of the data"


def parts_of(config: TrainRewardConfig) -> list[TrainingPart]:
    """List all of a run's trainings in their order, the model first."""
    members = [
        TrainingPart(f"members/{number}", number, has_bootstrap=config.bootstrap)
        for number in range(1, config.members)
    ]
    curve = [TrainingPart(f"curve/{share:g}", fraction=share) for share in config.learning_curve]
    return [TrainingPart(), *members, *curve]


def part_groups(
    groups: Sequence[PromptGroup], part: TrainingPart, seed: int
) -> tuple[list[PromptGroup], list[int]]:
    """Weigh the groups as this part does, and list which of them it trains on.

    Nested subsets: a larger fraction has every prompt of a smaller one.
    """
    train = [at for at, group in enumerate(groups) if group.split == "train"]
    if part.fraction < 1:
        train.sort(key=lambda at: rank_of(seed, groups[at].prompt))
        return list(groups), sorted(train[: max(1, round(part.fraction * len(train)))])
    if not part.has_bootstrap:
        return list(groups), train
    if sees_everything(groups, seed, part.member):
        return list(groups), train
    times = {at: bootstrap_weight(seed, part.member, groups[at].prompt) for at in train}
    seen = [at for at in train if times[at]]
    weighed = [
        _times(group, times[at]) if times.get(at) else group for at, group in enumerate(groups)
    ]
    return weighed, seen


def sees_everything(groups: Sequence[PromptGroup], seed: int, member: int) -> bool:
    """Whether a member, or a head, sees every train prompt once in the place of its bootstrap.

    Of a handful of prompts a bootstrap may draw none that has a decided comparison, and there would
    be nothing to learn from.
    """
    return not any(
        bootstrap_weight(seed, member, group.prompt)
        for group in groups
        if group.split == "train" and any(c.target != 0.5 for c in group.comparisons)
    )


def _times(group: PromptGroup, times: int) -> PromptGroup:
    heavier = [replace(c, weight=c.weight * times) for c in group.comparisons]
    return replace(group, comparisons=heavier)


def head_weights(groups: Sequence[PromptGroup], heads: int, seed: int) -> list[list[float]] | None:
    """Draw how often each head on one trunk sees each prompt, [group][head]; None for one head."""
    if heads == 1:
        return None
    whole = {head for head in range(heads) if sees_everything(groups, seed, head)}
    return [
        [
            1.0 if head in whole else float(bootstrap_weight(seed, head, group.prompt))
            for head in range(heads)
        ]
        for group in groups
    ]
