"""What one simulated labeler answers: the demo world's oracle, with skips and mistakes."""

import random

from labeling.judging import recording
from labeling.models import Assignment, Judgment, Response
from labeling.queue import handout
from modeling.demo.world.oracle import oracle_prefers, score

Kind = Judgment.Kind

SKIP_SHARE = 0.03
TIE_MARGIN = 0.15
BAD_BELOW = -1.5
WORDS_PER_SECOND = 4.0


def choose_answer(assignment: Assignment, rng: random.Random, noise: float) -> recording.Answer:
    """What this labeler says about the responses, as the oracle sees them."""
    responses = handout.shown_responses(assignment)
    words = sum(len(response.text.split()) for response in responses)
    seconds = round(1.0 + words / WORDS_PER_SECOND * rng.uniform(0.7, 1.3), 1)
    if rng.random() < SKIP_SHARE:
        return recording.Answer(Kind.SKIP, seconds=seconds)
    if len(responses) != 2:
        return recording.Answer(Kind.PREFER, ranking(responses, rng, noise), seconds=seconds)
    project = assignment.project
    left, right = responses
    verdict = oracle_prefers(
        left.prompt.messages,
        left.text,
        right.text,
        rng,
        noise,
        tie_margin=TIE_MARGIN if project.allow_tie else 0.0,
        bad_below=BAD_BELOW if project.allow_both_bad else float("-inf"),
    )
    if verdict == "tie":
        return recording.Answer(Kind.TIE, ((left.pk, right.pk),), seconds=seconds)
    if verdict == "both_bad":
        return recording.Answer(Kind.BOTH_BAD, ((left.pk, right.pk),), seconds=seconds)
    best, worst = (left, right) if verdict == "a" else (right, left)
    return recording.Answer(Kind.PREFER, ((best.pk,), (worst.pk,)), seconds=seconds)


def ranking(
    responses: list[Response], rng: random.Random, noise: float
) -> tuple[tuple[int, ...], ...]:
    """Best first; with probability `noise` two neighbours change places."""
    order = sorted(responses, key=lambda response: -score(response.prompt.messages, response.text))
    if rng.random() < noise:
        at = rng.randrange(len(order) - 1)
        order[at : at + 2] = reversed(order[at : at + 2])
    return tuple((response.pk,) for response in order)
