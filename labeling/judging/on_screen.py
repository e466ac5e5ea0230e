"""Reads what a labeler is shown of a comparison: the texts in their places, or why they cannot be
shown. Page and API ask here."""

import logging
from dataclasses import dataclass

from django.db import DatabaseError

from labeling.judging.modes import LETTERS
from labeling.material.shown import showing
from labeling.material.shown.showing import CannotBeShown, ShownText, ShownTexts
from labeling.models import Assignment, Response
from labeling.queue import handout

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlacedResponse:
    """A response in its place on screen. It carries neither model name nor score, which would sway
    the labeler."""

    letter: str
    response: Response
    text: ShownText


@dataclass(frozen=True)
class Shown:
    """An assignment with its texts, as the page shows them."""

    assignment: Assignment
    texts: ShownTexts
    sides: list[PlacedResponse]


def load_view(assignment: Assignment) -> Shown:
    """Returns the comparison as this labeler sees it, with at most one query. Raises CannotBeShown
    for anything that is wrong with what is stored."""
    try:
        responses = _responses_of(assignment)
        prompt = responses[0].prompt
        beside = showing.BesideTexts(prompt.extra, [one.extra for one in responses])
        texts = showing.show(prompt.messages, [one.text for one in responses], beside)
    except (CannotBeShown, DatabaseError):
        raise
    except Exception as fault:
        showing.check_that_any_can_be_shown()
        logger.exception("comparison %s cannot be shown", assignment.comparison_id)
        raise CannotBeShown(f"Formatting failed: {type(fault).__name__}: {fault}") from fault
    sides = [
        PlacedResponse(*three) for three in zip(LETTERS, responses, texts.responses, strict=False)
    ]
    return Shown(assignment, texts, sides)


def _responses_of(assignment: Assignment) -> list[Response]:
    try:
        responses = handout.shown_responses(assignment)
    except KeyError:
        responses = []
    if len(responses) < 2:
        raise CannotBeShown("Responses that it names are not there.")
    return responses
