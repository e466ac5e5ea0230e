"""How far labelers agree in a project: over all answers, by week, by tag, by guidelines."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from labeling.models import Project, Prompt
from labeling.people.clock import server_today, server_zone
from labeling.quality import votes as answers
from labeling.quality.measures import coefficients
from labeling.quality.measures.intervals import Estimate
from labeling.quality.votes import Ints, Votes

# Cohen's kappa is of two people: averaged over those with the most comparisons in common.
MOST_PAIRS = 12
SHARED_BY_PAIR = 20
WEEKS_SHOWN = 12
TAGS_SHOWN = 20


@dataclass(frozen=True)
class Agreement:
    """The measures of agreement; each is None where there is not enough to say it."""

    percent: Estimate | None
    alpha: Estimate | None
    fleiss: Estimate | None
    cohen: Estimate | None
    people: int


@dataclass(frozen=True)
class Slice:
    """Per cent agreement and alpha of a part of the answers."""

    name: str
    percent: Estimate | None
    alpha: Estimate | None
    judgments: int


def agreement_of(votes: Votes) -> Agreement:
    plain, prompts = votes.counts(votes.plain, answers.PLAIN_VALUES)
    return Agreement(
        percent=coefficients.percent_estimate(plain, prompts),
        alpha=alpha_of(votes),
        fleiss=coefficients.fleiss_estimate(
            *coefficients.both_ways(plain, prompts, answers.MIRRORED_PLAIN)
        ),
        cohen=_cohen(votes),
        people=len(np.unique(votes.labeler)),
    )


def alpha_of(votes: Votes) -> Estimate | None:
    """Estimates ordinal alpha. Both-bad has no place on the scale and is left out."""
    counts, prompts = votes.counts(votes.value, answers.VALUES)
    ordinal = counts[:, answers.ORDINAL]
    both = coefficients.both_ways(ordinal, prompts, answers.MIRRORED_ORDINAL)
    estimate = coefficients.alpha_estimate(*both)
    if estimate is None:
        return None
    # Every judgment was counted both ways.
    return replace(estimate, count=estimate.count // 2)


def by_week(votes: Votes) -> list[Slice]:
    """Agreement in each of the last weeks, Monday to Sunday. A judgment belongs to the week in
    which it was given."""
    monday = server_today() - timedelta(days=server_today().weekday())
    zone = server_zone()
    slices = []
    for back in reversed(range(WEEKS_SHOWN)):
        start = monday - timedelta(weeks=back)
        from_, until = (
            datetime.combine(day, time(), zone).timestamp()
            for day in (start, start + timedelta(weeks=1))
        )
        slices.append(_slice(_day(start), votes, (votes.at >= from_) & (votes.at < until)))
    return slices


def by_guidelines(project: Project, votes: Votes) -> list[Slice]:
    """Agreement by the version of the guidelines that the labelers could read, the newest first."""
    versions = project.guideline_versions.values_list("pk", "number")
    parts = [_slice(f"version {number}", votes, votes.guidelines == pk) for pk, number in versions]
    # Answers from before the project had any.
    if np.any(votes.guidelines == 0):
        parts.append(_slice("no guidelines", votes, votes.guidelines == 0))
    return [part for part in parts if part.judgments]


def by_tag(project: Project, votes: Votes) -> list[Slice]:
    """Agreement by the prompts' tags, the most judged first. A prompt with two tags is in both."""
    with_tags = Prompt.objects.filter(project=project).exclude(tags=[])
    tags_of = dict(with_tags.values_list("pk", "tags"))
    judged = Counter(tag for prompt in votes.prompt.tolist() for tag in tags_of.get(prompt, ()))
    slices = []
    for tag, _ in judged.most_common(TAGS_SHOWN):
        prompts = [prompt for prompt, tags in tags_of.items() if tag in tags]
        slices.append(_slice(str(tag), votes, np.isin(votes.prompt, prompts)))
    return slices


def _slice(name: str, votes: Votes, rows: NDArray[np.bool_]) -> Slice:
    part = votes.where(rows)
    counts, prompts = part.counts(part.plain, answers.PLAIN_VALUES)
    percent = coefficients.percent_estimate(counts, prompts)
    return Slice(name, percent, alpha_of(part), len(part))


def _cohen(votes: Votes) -> Estimate | None:
    """Estimates Cohen's kappa over the pairs of people with the most in common, each comparison
    counted both ways round."""
    answers_to: dict[int, dict[int, int]] = {}
    for pair, labeler, value in zip(votes.pair, votes.labeler, votes.plain, strict=True):
        answers_to.setdefault(int(pair), {})[int(labeler)] = int(value)
    shared = Counter(
        people for values in answers_to.values() for people in combinations(sorted(values), 2)
    )
    most = [people for people, count in shared.most_common(MOST_PAIRS) if count >= SHARED_BY_PAIR]
    if not most:
        return None
    size = answers.PLAIN_VALUES
    prompt_of = dict(zip(votes.pair.tolist(), votes.prompt.tolist(), strict=True))
    prompts, place = np.unique(list(prompt_of.values()), return_inverse=True)
    row_of = dict(zip(prompt_of, place.tolist(), strict=True))
    tables: Ints = np.zeros((len(prompts), len(most), size, size), dtype=np.int64)
    mirrored = answers.MIRRORED_PLAIN
    for pair, values in answers_to.items():
        for index, (one, other) in enumerate(most):
            if one in values and other in values:
                a, b = values[one], values[other]
                tables[row_of[pair], index, a, b] += 1
                tables[row_of[pair], index, mirrored[a], mirrored[b]] += 1
    used = tables.any(axis=(1, 2, 3))
    estimate = coefficients.cohen_estimate(tables[used], prompts[used])
    return estimate and replace(estimate, count=estimate.count // 2)


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
