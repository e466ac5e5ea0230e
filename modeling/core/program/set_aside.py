"""A model that does not reload alike: kept beside the run's results, with its figures, and used by
nobody. It has cost a training, and what is wrong with it may be small."""

import shutil
from pathlib import Path
from typing import Any

from modeling.core.program.errors import ProgramError
from modeling.core.program.files import write_json

FOLDER = "set-aside"
FIGURES = "figures.json"


def set_aside(
    built: Path, run: Path, name: str, problem: ProgramError, figures: dict[str, Any]
) -> ProgramError:
    """Move the folder `built` to set-aside/`name` in the run's folder, with what was wrong and the
    figures in figures.json. Returns the error to raise, which says where it is."""
    target = run / FOLDER / name
    shutil.rmtree(target, ignore_errors=True)  # of an earlier attempt
    target.parent.mkdir(parents=True, exist_ok=True)
    built.rename(target)
    failure = {"error": problem.message, "where": problem.where, "hint": problem.hint}
    write_json(target / FIGURES, failure | {"figures": figures})
    return ProgramError(
        problem.message,
        where=problem.where,
        hint=f"{problem.hint} The model is not used. It is kept in {target.relative_to(run)} of "
        f"the run's folder, with its figures in {FIGURES}{_in_short(figures)}.",
    )


def _in_short(figures: dict[str, Any]) -> str:
    """The first accuracy, or the rewards before and after, in brackets; "" without either."""
    for split, accuracy in figures.get("accuracy", {}).items():
        return f" ({split} accuracy {accuracy['value']:.3f} of {accuracy['n']} comparisons)"
    rewards = [figures.get("reward_before"), figures.get("reward_after")]
    if None in rewards:
        return ""
    return f" (reward {rewards[0]:.3g} before, {rewards[1]:.3g} after)"
