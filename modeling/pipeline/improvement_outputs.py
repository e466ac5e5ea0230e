"""Files → rows of the runs that improve a policy and that compare two."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from labeling.texts.sameness import response_digest
from modeling.core.program.seal import Notes, read_result
from modeling.models import Policy, Round, Run
from modeling.models.versions import policy_by
from modeling.policies import blind, improving
from modeling.policies.gold import gold_of_comparison, gold_of_improvement
from modeling.run_data.rounds import GoldMeans
from modeling.runs.files import clean, clean_extra, read_jsonl

NAMES = ("current", "new")


def policies_of(run: Run) -> dict[str, Policy]:
    """The policies by the names that they have in a comparison's samples; {} for other runs."""
    if run.kind != Run.Kind.COMPARE or run.policy is None:
        return {}
    candidate = policy_by(run.asked.candidate)
    assert candidate is not None
    return {"current": run.policy, "new": candidate}


def collect_improvement(run: Run, made: Notes) -> dict[str, Any]:
    """The new policy version. `made`: the notes of its files. Call in the transaction that ends the
    run."""
    results = read_result(run.folder).figures
    candidate = improving.add_candidate(run, results, made)
    gold = gold_of_improvement(run.project, read_jsonl(run.folder / "samples.jsonl"))
    if gold and run.round is not None:
        _note_gold(Round.objects.select_for_update().get(pk=run.round.pk), gold)
    return results | {"policy": candidate.version if candidate else None}


def _note_gold(round_: Round, gold: GoldMeans) -> None:
    """Notes the mean scores with the round, which is locked and as it is now."""
    results = replace(round_.figures, gold=gold).as_json()
    Round.objects.filter(pk=round_.pk).update(results=results)


def collect_comparison(run: Run) -> dict[str, Any]:
    """Queues the blind pairs, if their round still waits for them. Call in the transaction that
    ends the run."""
    results = {
        stage: read_result(run.folder / stage).figures
        for stage in ("sample", "score")
        if (run.folder / stage / "result.json").exists()
    }
    texts: dict[str, dict[int, list[str]]] = {name: defaultdict(list) for name in NAMES}
    digests: dict[str, dict[int, list[str]]] = {name: defaultdict(list) for name in NAMES}
    for sample in read_jsonl(run.folder / "sample" / "samples.jsonl"):
        text = clean(sample["text"])
        texts[sample["policy"]][int(sample["id"])].append(text)
        digest = response_digest(text, clean_extra(sample))
        digests[sample["policy"]][int(sample["id"])].append(digest)
    gold = gold_of_comparison(run.project, texts["current"], texts["new"])
    round_ = _waiting_round(run)
    if round_ is None:
        return results | {"comparisons": 0, "note": "Its round was over: nothing was queued."}
    if gold:
        _note_gold(round_, gold)
    queued = blind.queue_pairs(round_, digests["current"], digests["new"], run.asked.pairs)
    return results | queued | ({"gold": gold.as_json()} if gold else {})


def _waiting_round(run: Run) -> Round | None:
    """The run's round, locked; None where it does not wait for this comparison any more."""
    if run.round_id is None:
        return None
    rounds = Round.objects.select_for_update()
    return rounds.filter(
        pk=run.round_id, state=Round.State.COMPARING, candidate=run.asked.candidate
    ).first()
