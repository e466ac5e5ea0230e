"""Reads the rows that a program sends by the importer's rules, and says what is wrong by index."""

from collections.abc import Iterable, Mapping
from typing import Any

from labeling.api.conventions.bulk import RowFault, refuse_faults
from labeling.importing.files.places import ROW, Place
from labeling.importing.lines.answer_fields import RESPONSE, NewResponse, response_in
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.reading import name_of_type
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import NoticeCounter, Wrong

OF_PROMPT = ("prompt", "system", "tools", "chat_template_kwargs", "tags")


def faults_of_names(index: int, row: Any, known: Iterable[str]) -> list[RowFault]:
    """What is wrong with the row before any of its values is looked at."""
    if not isinstance(row, Mapping):
        return [RowFault(index, "row", f"Must be an object, not {name_of_type(row)}.")]
    words = f"There is no such field. Known are: {', '.join(known)}."
    return [RowFault(index, f"{name:.60}", words) for name in row.keys() - set(known)]


def checked_row(
    index: int, row: dict[str, Any], notices: NoticeCounter
) -> CheckedRow | list[RowFault]:
    """A prompt, with its responses where the row has some."""
    checked = check_row(place_of(index), row, notices)
    if isinstance(checked, CheckedRow):
        return checked
    return [RowFault.of(problem) for problem in checked]


def prompts_in(rows: list[Any], notices: NoticeCounter) -> list[CheckedRow]:
    """The prompts that the rows name. Raises RowsRefused."""
    checked: list[CheckedRow] = []
    faults: list[RowFault] = []
    for index, row in enumerate(rows):
        result = faults_of_names(index, row, OF_PROMPT) or checked_row(index, row, notices)
        if isinstance(result, CheckedRow):
            checked.append(result)
        else:
            faults += result
    refuse_faults(faults)
    return checked


def responses_in(rows: list[Any], notices: NoticeCounter) -> list[NewResponse]:
    """The responses that the rows are. Raises RowsRefused."""
    responses: list[NewResponse] = []
    faults: list[RowFault] = []
    for index, row in enumerate(rows):
        try:
            responses.append(_response(index, row, notices))
        except Wrong as fault:
            field = fault.field.removeprefix("row").lstrip(".") or "row"
            faults.append(RowFault(index, field, f"{fault.problem} {fault.advice}".strip()))
    refuse_faults(faults)
    return responses


def _response(index: int, row: Any, notices: NoticeCounter) -> NewResponse:
    if not isinstance(row, str | Mapping):
        raise Wrong("row", f"Must be a text or an object, not {name_of_type(row)}.")
    if isinstance(row, Mapping) and "role" not in row and (unknown := row.keys() - RESPONSE):
        known = ", ".join(sorted(RESPONSE))
        raise Wrong(f"{min(unknown):.60}", f"There is no such field. Known are: {known}.")
    return response_in(row, "row", "", lambda notice: notices.add(notice, place_of(index)))


def place_of(index: int) -> Place:
    """How notices name the row."""
    return Place(index, index, ROW)
