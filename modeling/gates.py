"""Whether a newly trained reward model goes into service."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from modeling import registry
from modeling.models import RewardModel

Status = RewardModel.Status

# On fewer test comparisons than this, chance decides more than quality does.
FEWEST_TO_JUDGE = 30
CLEARLY = 1.96  # standard errors of the mean difference: 95 %


@dataclass(frozen=True)
class Verdict:
    passed: bool
    reason: str


def apply(candidate: RewardModel | None) -> bool:
    """Puts the candidate into service or rejects it; False when another worker has done so."""
    if candidate is None:
        return False
    live = RewardModel.objects.filter(project=candidate.project, status=Status.LIVE).first()
    verdict = judge(candidate, live)
    noted = candidate.results | {"gate": {"passed": verdict.passed, "reason": verdict.reason}}
    with transaction.atomic():
        mine = RewardModel.objects.filter(pk=candidate.pk, status=Status.CANDIDATE).update(
            status=Status.RETIRED if verdict.passed else Status.REJECTED, results=noted
        )
        if mine and verdict.passed:
            registry.make_live(candidate, None, verdict.reason)
    return bool(mine)


def judge(candidate: RewardModel, live: RewardModel | None) -> Verdict:
    """Not clearly worse than the live one on the test comparisons that both have seen scored."""
    if live is None:
        return Verdict(True, "It is the first reward model of the project.")
    now, before = test_points(candidate.run.folder), test_points(live.run.folder)
    shared = sorted(now.keys() & before.keys())
    if len(shared) < FEWEST_TO_JUDGE:
        return Verdict(
            True,
            f"Only {len(shared)} test comparisons are shared with the model in service: "
            "too few to tell which is better.",
        )
    differences = [now[key] - before[key] for key in shared]
    mean = sum(differences) / len(differences)
    variance = sum((value - mean) ** 2 for value in differences) / (len(differences) - 1)
    slack = CLEARLY * math.sqrt(variance / len(differences))
    compared = (
        f"On {len(shared)} shared test comparisons its accuracy differs by {mean:+.1%} "
        f"(± {slack:.1%}) from that of the model in service"
    )
    if mean + slack < 0:
        return Verdict(False, f"{compared}: clearly worse.")
    return Verdict(True, f"{compared}: not clearly worse.")


def test_points(folder: Path) -> dict[str, float]:
    """Test comparison -> 1 right, 0 wrong, 0.5 undecided, from the run's predictions.jsonl."""
    try:
        lines = (folder / "predictions.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return {}
    rows = [json.loads(line) for line in lines if line.strip()]
    return {
        row["id"]: points(row["reward_chosen"] - row["reward_rejected"])
        for row in rows
        if row.get("split") == "test"
    }


def points(margin: float) -> float:
    if margin == 0:
        return 0.5
    return 1.0 if margin > 0 else 0.0
