"""Projects whose loop improves the policy, with fake programs, and people who judge blind."""

import json
from pathlib import Path
from typing import Any

from labeling.models import Comparison, Project, User
from modeling.loop import rounds
from modeling.models import BlindPair, Round, Run
from modeling.settings.choices import Improvement
from tests.factories import claim, judge, make_member, make_prompt
from tests.modeling.loop_helpers import advance_one, execute, label, loop_project

SETTINGS: dict[str, Any] = {
    "improvement": Improvement.BEST_OF_N,
    "improve_after": 0,
    "comparison_size": 12,
    "gold_share": 0.0,
    "random_share": 0.0,
}


def improving_project(
    tmp_path: Path, told: dict[str, Any] | None = None, **settings: Any
) -> Project:
    """Trains after ten preferences and then improves its policy. `told` goes into what the fake
    improvement says of itself."""
    project = loop_project(tmp_path, **(SETTINGS | settings))
    for _ in range(30):
        make_prompt(project)
    if told is not None:
        (tmp_path / "policy" / "told.json").write_text(json.dumps(told))
    return project


def until_improvement(project: Project) -> Run:
    """Labels and trains; gives the queued run that improves the policy."""
    label(project, 10)
    execute(advance_one(project))
    run = advance_one(project)
    if run.kind == Run.Kind.SAMPLE:  # labelers get something to do first
        execute(run)
        run = advance_one(project)
    assert run.kind == Run.Kind.TRAIN_POLICY
    return run


def until_comparison(project: Project) -> Round:
    """As far as the blind pairs in the queue."""
    improved = execute(until_improvement(project))
    assert improved.state == Run.State.SUCCEEDED, improved.error
    compared = execute(advance_one(project))
    assert (compared.kind, compared.state) == ("compare", "succeeded"), compared.error
    assert rounds.advance(project) == []
    return Round.objects.get(project=project, state=Round.State.COMPARING)


def judge_blind(project: Project, count: int, winner: str = "new", by: User | None = None) -> None:
    """Judges the next `count` comparisons, which must be blind ones; `winner` is new, current,
    tie."""
    labeler = by or make_member(project)
    for _ in range(count):
        assignment = claim(labeler, project)
        assert assignment is not None and assignment.shown is not None
        pair = BlindPair.objects.get(comparison=assignment.comparison_id)
        if winner == "tie":
            judge(assignment, "tie")
            continue
        wins = pair.candidate_response if winner == "new" else pair.current_response
        judge(assignment, "left" if assignment.shown[0] == wins else "right")


def judge_random_pair(project: Project) -> Comparison:
    assignment = claim(make_member(project), project)
    assert assignment is not None
    judge(assignment, "left")
    return assignment.comparison
