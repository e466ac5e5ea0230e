"""Of each prompt's samples, the pair that joins the queue: while the run goes on, and at its end.

A prompt whose responses are all there is queued at once, so that nobody waits for the last one of
hundreds. What the reward model would choose is not known by then: the pair is drawn at random, and
where a model is in service it stands at the end of the line. When the run ends and all is scored,
a pair that nobody has been handed yet gives way to the one that the strategy chooses; one that
somebody has been handed stays. So there is one comparison for each prompt, and of what was not
taken in the meantime the strategy has chosen as much as it would have.

Two policies that are compared blind are queued whole, at the end (modeling/policies/blind.py):
their pairs need the responses of both, and how many are judged is fixed beforehand.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import IntegrityError
from django.db.models import F

from labeling.database.transactions import Conflict, retried
from labeling.material.adding import Adding, ColumnValues, ResponseName, add_pairs, responses_key
from labeling.models import Comparison, Response
from labeling.texts.sameness import response_digest
from modeling.models import EarlyPair, RewardModel, Run
from modeling.models.versions import reward_model_by
from modeling.pipeline.improvement_outputs import policies_of
from modeling.pipeline.inputs import folder_of, read_samples, sampled_by_prompt
from modeling.pipeline.sample_tail import SampleTail
from modeling.runs.files import clean, clean_extra, readable
from modeling.selection.fallback import strategy_of
from modeling.selection.learner import follow_anew
from modeling.selection.ordering import HEAD
from modeling.selection.pairing import Pair, choose_pairs
from modeling.settings.choices import Selection

# Queued in one transaction; the others follow with the next look, a second later.
PROMPTS_AT_ONCE = 25
# Of the priority that pairs have which are not ranked yet.
AT_THE_END_OF_THE_LINE = 0.001


class EarlyQueue:
    """What a sampling that is under way has written, and what of it is queued. `hold` locks the
    run's row, or raises when the run is not ours any more."""

    def __init__(self, run: Run, hold: Callable[[], None]) -> None:
        self.run, self.hold = run, hold
        self.tail = SampleTail(folder_of(run, "sample") / "samples.jsonl")
        self.responses: dict[int, dict[int, dict[str, Any]]] = {}  # prompt -> number -> row
        queued = EarlyPair.objects.filter(run=run)
        self.done = set(queued.values_list("prompt_id", flat=True))

    def look(self) -> None:
        """Queues a pair for each prompt that has become complete, some at a time."""
        with readable("samples.jsonl"):
            for row in self.tail.read():
                if (prompt := int(row["id"])) not in self.done:
                    self.responses.setdefault(prompt, {})[int(row["sample"])] = row
        wanted = self.run.asked.sample["n"]
        complete = [prompt for prompt, rows in self.responses.items() if len(rows) >= wanted]
        some = complete[:PROMPTS_AT_ONCE]
        if not some:
            return
        rows = {prompt: self.responses[prompt] for prompt in some}
        self._queue([by_number[k] for by_number in rows.values() for k in sorted(by_number)])
        self.done.update(some)
        for prompt in some:
            del self.responses[prompt]

    @retried
    def _queue(self, samples: list[dict[str, Any]]) -> None:
        self.hold()
        try:
            queue_early(self.run, samples)
        except IntegrityError as problem:
            # Somebody made the same pair at the same moment: it counts as taken now.
            raise Conflict(str(problem)) from problem


def queue_early(run: Run, samples: list[dict[str, Any]]) -> None:
    """Stores all samples of some prompts, and queues a random pair of each."""
    store_samples(run, samples)
    by_prompt = sampled_by_prompt(run, samples)
    has_model = ranking_model(run) is not None
    chosen = _choose(run, by_prompt, _taken(by_prompt), None)
    last = AT_THE_END_OF_THE_LINE if has_model else 1.0
    priorities = [
        last * HEAD * random.Random(f"{run.seed}/early/{prompt}").random() for prompt in chosen
    ]
    added = add_pairs(run.project, chosen, priorities, run.round.number if run.round else None)
    EarlyPair.objects.bulk_create(
        EarlyPair(run=run, comparison_id=comparison_id, prompt_id=prompt_id)
        for prompt_id, comparison_id in added.items()
    )


def queue_pairs(run: Run) -> dict[str, int]:
    """A pair of each prompt, at the end of the run and in its transaction; what it comes to."""
    by_prompt = sampled_by_prompt(run)
    early = {
        pair.prompt_id: pair.comparison
        for pair in EarlyPair.objects.filter(run=run).select_related("comparison")
    }
    own = {(prompt, comparison.responses_key) for prompt, comparison in early.items()}
    chosen = _choose(run, by_prompt, _taken(by_prompt) - own, ranking_model(run))
    other = {
        early[prompt].pk: prompt
        for prompt, pair in chosen.items()
        if prompt in early and early[prompt].responses_key != responses_key(pair)
    }
    withdrawn = _withdraw_unseen(list(other))
    replaced = {other[pk] for pk in withdrawn}
    new = {p: pair for p, pair in chosen.items() if p not in early or p in replaced}
    # In random order, until a reward model ranks the queue.
    rng = random.Random(run.seed)
    priorities = (HEAD * rng.random() for _ in new)
    add_pairs(run.project, new, priorities, run.round.number if run.round else None)
    return {
        "prompts": len(by_prompt),
        "responses": sum(len(responses) for responses in by_prompt.values()),
        "identical": sum(len(responses) < 2 for responses in by_prompt.values()),
        "comparisons": len(early.keys() | chosen.keys()),
    }


def store_samples(run: Run, samples: Iterable[dict[str, Any]] | None = None) -> None:
    """Stores these samples as responses, or all of the run's. Those that are stored already are
    left as they are."""
    assert run.policy is not None
    temperature = float(run.asked.sample["temperature"])
    writers = policies_of(run)
    rows: dict[ResponseName, ColumnValues] = {}
    for sample in read_samples(run) if samples is None else samples:
        policy = writers.get(sample.get("policy", ""), run.policy)
        text, extra = clean(sample["text"]), clean_extra(sample)
        digest = response_digest(text, extra)
        rows.setdefault(
            (int(sample["id"]), digest),
            {
                "text": text,
                "extra": extra,
                "origin": Response.Origin.POLICY,
                "source": policy.name,
                "policy_version": policy.version,
                "seed": sample.get("seed"),
                "temperature": temperature,
                "finished": bool(sample.get("finished", True)),
            },
        )
    Adding(run.project).add_responses(rows)


def _taken(by_prompt: Mapping[int, list[int]]) -> set[tuple[int, str]]:
    existing = Comparison.objects.filter(prompt__in=list(by_prompt))
    return set(existing.values_list("prompt_id", "responses_key"))


def _choose(
    run: Run,
    by_prompt: Mapping[int, list[int]],
    taken: set[tuple[int, str]],
    model: RewardModel | None,
) -> dict[int, Pair]:
    """Chooses a pair for each prompt. Without a model it is drawn by the run's seed, so that it is
    the same one early and at the end."""
    return choose_pairs(
        by_prompt,
        taken,
        follower=follow_anew(model) if model else None,
        strategy=strategy_of(run.project) if model else Selection.RANDOM,
        random_share=run.project.random_share,
        seed=run.seed,
    )


def _withdraw_unseen(ids: list[int]) -> list[int]:
    """Takes those of these comparisons away that nobody has been handed; which ones."""
    untouched = {
        "state": Comparison.State.OPEN,
        "arm": Comparison.Arm.UNDECIDED,
        "slots_left": F("wanted"),
        "waiting_since": None,
    }
    rows = Comparison.objects.filter(pk__in=ids, **untouched).order_by("pk")
    locked = list(rows.select_for_update().values_list("pk", flat=True))
    unseen = Comparison.objects.filter(
        pk__in=locked,
        **untouched,
        assignments__isnull=True,
        judgments__isnull=True,
        preferences__isnull=True,
        gold__isnull=True,
    )
    withdrawn = list(unseen.values_list("pk", flat=True))
    Comparison.objects.filter(pk__in=withdrawn).delete()
    return withdrawn


def ranking_model(run: Run) -> RewardModel | None:
    return reward_model_by(run.asked.reward_model)
