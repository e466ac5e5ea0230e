"""Reads the comparisons that a program wants judged: with prompt and responses, or by the ids of
responses that are there."""

import math
from collections.abc import Mapping
from typing import Any

from labeling.api.conventions.bulk import RowFault, refuse_faults
from labeling.api.material.rows_sent import OF_PROMPT, checked_row, faults_of_names
from labeling.curation.additions import NewComparison
from labeling.importing.lines.rows import CheckedRow, digests_of
from labeling.importing.reports import NoticeCounter
from labeling.models import Project, Response
from labeling.models.material import ResponseOrigin
from labeling.models.project_limits import LIMITS
from labeling.texts.limits import BIGGEST_ID, MAX_COMPARED

OWN = ("response_ids", "priority", "wanted")
KNOWN = (*OF_PROMPT, "responses", "model", *OWN)
BATCH = 500


def comparisons_in(
    project: Project, rows: list[Any], notices: NoticeCounter
) -> list[NewComparison]:
    """The comparisons that the rows ask for. Raises RowsRefused."""
    faults: list[RowFault] = []
    prompts = prompts_of_responses(project, rows)
    new: list[NewComparison] = []
    for index, row in enumerate(rows):
        wrong = faults_of_names(index, row, KNOWN) or _faults_of_numbers(index, row)
        result = wrong or _comparison(index, row, prompts, notices)
        if isinstance(result, NewComparison):
            new.append(result)
        else:
            faults += result
    refuse_faults(faults)
    return new


def _faults_of_numbers(index: int, row: Mapping[str, Any]) -> list[RowFault]:
    faults = []
    priority, wanted = row.get("priority", 0.0), row.get("wanted")
    is_number = isinstance(priority, int | float) and not isinstance(priority, bool)
    if not is_number or not math.isfinite(_as_float(priority)):
        faults.append(RowFault(index, "priority", "Must be a number."))
    low, high = LIMITS["overlap"]
    is_whole = isinstance(wanted, int) and not isinstance(wanted, bool)
    if wanted is not None and not (is_whole and low <= wanted <= high):
        faults.append(RowFault(index, "wanted", f"Must be a whole number from {low} to {high}."))
    return faults


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _comparison(
    index: int, row: Mapping[str, Any], prompts: Mapping[int, int], notices: NoticeCounter
) -> NewComparison | list[RowFault]:
    asked: dict[str, Any] = {
        "priority": float(row.get("priority", 0.0)),
        "wanted": row.get("wanted"),
    }
    if "response_ids" in row:
        return _of_ids(index, row, prompts, asked)
    of_prompt = {name: value for name, value in row.items() if name not in OWN}
    checked = checked_row(index, of_prompt, notices)
    if not isinstance(checked, CheckedRow):
        return checked
    count = len(checked.responses)
    if not 2 <= count <= MAX_COMPARED:
        problem = f"{count} responses: 2 to {MAX_COMPARED} are compared."
        return [RowFault(index, "responses", problem)]
    if len(set(digests_of(checked)[1])) < count:
        return [RowFault(index, "responses", "Two of them are the same: nothing to compare.")]
    return NewComparison(checked, **asked)


def _of_ids(
    index: int, row: Mapping[str, Any], prompts: Mapping[int, int], asked: dict[str, Any]
) -> NewComparison | list[RowFault]:
    ids, field = row["response_ids"], "response_ids"
    if beside := row.keys() - OWN:
        problem = f"Names responses that are there: leave {', '.join(sorted(beside))} out."
        return [RowFault(index, field, problem)]
    if not _are_ids(ids) or not 2 <= len(set(ids)) == len(ids) <= MAX_COMPARED:
        problem = f"Must be a list of 2 to {MAX_COMPARED} different ids."
        return [RowFault(index, field, problem)]
    if missing := [pk for pk in ids if pk not in prompts]:
        return [RowFault(index, field, f"There is no response {missing[0]} in this project.")]
    if len({prompts[pk] for pk in ids}) > 1:
        return [RowFault(index, field, "They answer different prompts.")]
    return NewComparison(None, prompts[ids[0]], tuple(ids), **asked)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk <= BIGGEST_ID for pk in value
    )


def prompts_of_responses(project: Project, rows: list[Any]) -> dict[int, int]:
    """The prompt of each response that the rows name, as far as the project has them. What was
    made to check labelers is none of them: compared as work it would tell itself."""
    lists = [row.get("response_ids") for row in rows if isinstance(row, Mapping)]
    ids = sorted({pk for one in lists if _are_ids(one) for pk in one or ()})
    prompts: dict[int, int] = {}
    for start in range(0, len(ids), BATCH):
        mine = Response.objects.filter(prompt__project=project, pk__in=ids[start : start + BATCH])
        mine = mine.exclude(origin=ResponseOrigin.CHECK)
        prompts |= dict(mine.values_list("pk", "prompt_id"))
    return prompts
