"""What is known of a project's queue under the reward model in service, kept up with judgments.

It follows from rows alone (scores and features of the model, the judgments since its training in
their order), so that any worker can build it, and two that do the same know the same.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import numpy as np

from labeling.models.material import Split
from labeling.preferences.settling import USABLE, settled
from modeling.measures.calibration import log_loss
from modeling.measures.logistic import Array, Beliefs
from modeling.models import InstantGuess, RewardModel
from modeling.reward_models.drift import MOST_SURE
from modeling.selection.features import first_vector
from modeling.selection.instant_head import InstantHead, Line
from modeling.selection.lift import JudgedPairs
from modeling.selection.queue_arrays import QueueArrays, empty_queue, opinions_of, with_spread

TRIES = 4


class SettledPair(NamedTuple):
    """A settled preference as the head takes it. One that changes is another one."""

    pk: int
    chosen: int
    rejected: int
    target: float
    weight: float
    arm: str
    prompt: int
    split: str
    settled_at: datetime


def judged_since(model: RewardModel) -> list[SettledPair]:
    """What no training of this model has seen, in the order in which it was settled."""
    rows = settled(model.project, model.snapshot.last_settled_at).filter(kind__in=USABLE)
    values = rows.order_by("settled_at", "pk").values_list(
        "pk", "chosen_id", "rejected_id", "target", "weight", "arm", "prompt_id", "split",
        "settled_at",
    )  # fmt: skip
    return [SettledPair(*row[:-1], settled_at=row[-1]) for row in values if row[-1] is not None]


class Outdated(RuntimeError):
    """What somebody knows does not go with the rows that are there by now: begin anew."""


class Follower:
    """The instant head of one reward model, and the line that it keeps in order. Without a queue
    the head learns all the same. What it knows is in the space of features of its beginning. Not
    for several threads at once."""

    def __init__(self, model: RewardModel, queue: QueueArrays | None = None) -> None:
        self.model = model
        self.queue = queue or empty_queue(model)
        self.space = self.queue.space
        self.features = self.space.features
        self._begin()

    def _begin(self) -> None:
        self.seen: list[SettledPair] = []
        self.learnt: list[tuple[SettledPair, Array]] = []
        self.head = InstantHead(self.features)
        self.line = Line(self.head, self.queue.x)

    def catch_up(self) -> int:
        """Foretells and learns the judgments that have come in; how many. When an earlier one was
        taken back or changed, everything is learnt anew. Raises Outdated, with nothing noted, when
        the features that it knows are not those that are there."""
        judged = judged_since(self.model)
        if self.seen != judged[: len(self.seen)]:
            self._begin()
        new = judged[len(self.seen) :]
        if not new:
            return 0
        responses = {pk for row in new for pk in (row.chosen, row.rejected)}
        opinions = opinions_of(self.model, responses, self.space)
        if first_vector(self.model) != self.space.first:
            raise Outdated(f"the features of {self.model} were forgotten or stored anew")
        guesses = []
        for row in new:
            self.seen.append(row)
            if {row.chosen, row.rejected} <= opinions.rewards.keys():
                guesses.append(self._learn(row, opinions.inputs([row.chosen], [row.rejected])[0]))
        # The first word counts: another worker may have been faster, or this is said again.
        InstantGuess.objects.bulk_create(
            (guess for guess in guesses if guess is not None), 500, ignore_conflicts=True
        )
        return len(new)

    def _learn(self, row: SettledPair, x: Array) -> InstantGuess | None:
        """Gives what was said of it beforehand. Prompts that are held out from training teach the
        head nothing either, and a tie has no order to foretell."""
        self.learnt.append((row, x))
        if row.split == Split.TRAIN:
            guess = self.head.learn(x, row.target, row.weight)
            self.line.follow(guess.step)
            probability = guess.probability
        else:
            probability = self.head.foretell(x)
        if row.target == 0.5:
            return None
        return guess_of(self.model, row, probability, float(x[0]))

    def beliefs(self) -> Beliefs:
        """What the head believes of the queue's pairs, (P,) each."""
        return with_spread(self.line.beliefs(), self.queue.spread)

    def judged(self) -> JudgedPairs:
        """What was judged since the training, for measuring what either arm has taught."""
        rows = [row for row, _ in self.learnt]
        return JudgedPairs(
            np.array([x for _, x in self.learnt]).reshape(len(rows), self.features + 1),
            np.array([row.target for row in rows]),
            np.array([row.weight for row in rows]),
            np.array([row.arm for row in rows]),
            np.array([row.prompt for row in rows], dtype=np.int64),
        )


def follow_anew(model: RewardModel, load: Callable[[], QueueArrays] | None = None) -> Follower:
    """A follower that has caught up with what is there. Raises Outdated when what it reads is
    replaced again and again."""
    for _ in range(TRIES - 1):
        follower = Follower(model, load() if load else None)
        with suppress(Outdated):
            follower.catch_up()
            return follower
    follower = Follower(model, load() if load else None)
    follower.catch_up()
    return follower


def guess_of(model: RewardModel, row: SettledPair, p: float, margin: float) -> InstantGuess:
    """The head's word (probability `p` of chosen) and the model's own (`margin`, a logit)."""
    inside = min(max(p, 1e-12), 1.0 - 1e-12)
    logits = np.array([np.log(inside) - np.log1p(-inside), margin])
    losses = log_loss(np.clip(logits, -MOST_SURE, MOST_SURE), np.full(2, row.target))
    points = [0.5 if z == 0 else float((z > 0) == (row.target > 0.5)) for z in logits]
    return InstantGuess(
        preference_id=row.pk,
        reward_model=model,
        arm=row.arm,
        probability=p,
        point=points[0],
        loss=float(losses[0]),
        model_point=points[1],
        model_loss=float(losses[1]),
    )
