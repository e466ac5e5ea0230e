"""A labeler's rewrite: a new response by a person, preferred over what it improves.

Which responses those are follows from the judgment: its best tier, so one response, or several
that are as good as each other (or as bad). The preference needs no further judgment; it counts
as long as some current judgment stands for the rewrite.
"""

from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from labeling.material.adding import Adding, responses_key
from labeling.models import Assignment, Comparison, Judgment, Preference, Project, Response
from labeling.texts.sameness import normalise
from labeling.webhooks import events

SOURCE = "rewrite"


def add_rewrite(assignment: Assignment, text: str) -> Response | None:
    """Stores the rewrite as a response; None when it is the text of a response on screen. A
    browser's text field knows one kind of line end, so line ends make no difference here."""
    shown = Response.objects.filter(pk__in=assignment.order).values_list("text", flat=True)
    if any(normalise(_one_kind_of_lines(other)) == normalise(text) for other in shown):
        return None
    prompt = assignment.comparison.prompt
    return Adding(assignment.project).add_response(
        prompt, text, origin=Response.Origin.HUMAN, source=SOURCE
    )


def _one_kind_of_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def prefer_rewrite(
    assignment: Assignment, judgment: Judgment, reliability: float
) -> list[Preference]:
    """Writes that the judgment's rewrite is better than each response of its best tier,
    with the weight of its labeler.

    A pair that people are comparing or have compared already is left to them.
    """
    if judgment.rewrite_id is None or judgment.purpose != Assignment.Purpose.WORK:
        return []
    weight = max(0.0001, min(1.0, reliability))  # as the database allows it
    preferences = []
    for original_id in judgment.tiers[0]:
        pair = _pair_of(assignment.project, assignment.comparison, judgment.rewrite_id, original_id)
        if pair.state == Comparison.State.FINISHED:
            preferences += _prefer(pair, judgment.rewrite_id, original_id, weight)
    refresh_rewrites([judgment.rewrite_id])
    events.preferences_settled(assignment.project, preferences)
    return preferences


def _prefer(pair: Comparison, rewrite_id: int, original_id: int, weight: float) -> list[Preference]:
    preference, created = Preference.objects.get_or_create(
        comparison=pair,
        pair_key=pair.responses_key,
        defaults={
            "project_id": pair.project_id,
            "prompt_id": pair.prompt_id,
            "chosen_id": rewrite_id,
            "rejected_id": original_id,
            "kind": Preference.Kind.PREFER,
            "weight": weight,
            "provenance": Preference.Provenance.HUMAN,
            "split": pair.prompt.split,
            "round_number": pair.round_number,
            "settled_at": timezone.now(),
        },
    )
    return [preference] if created else []


def refresh_rewrites(response_ids: Iterable[int | None]) -> None:
    """Puts the preferences for these rewrites in use while a judgment stands for them, and else out
    of use.

    Call it after judgments with a rewrite were superseded, excluded or brought back. Two people may
    have written the same for different comparisons, so the rewrite's row is locked first.
    """
    wanted = {response_id for response_id in response_ids if response_id is not None}
    if not wanted:
        return
    locked = Response.objects.select_for_update(no_key=True).filter(pk__in=wanted)
    list(locked.order_by("pk").values_list("pk", flat=True))
    standing = standing_rewrites(wanted)
    preferences = Preference.objects.filter(
        chosen_id__in=wanted, provenance=Preference.Provenance.HUMAN
    )
    preferences.filter(~Q(chosen_id__in=standing)).update(settled_at=None)
    preferences.filter(chosen_id__in=standing, settled_at=None).update(settled_at=timezone.now())


def standing_rewrites(wanted: Iterable[int]) -> set[int]:
    """The ids of those of these rewrites that a judgment stands for. An answer to a check never
    counts."""
    judgments = Judgment.objects.filter(
        rewrite_id__in=wanted,
        purpose=Assignment.Purpose.WORK,
        superseded_at__isnull=True,
        excluded_at__isnull=True,
    )
    return {pk for pk in judgments.values_list("rewrite_id", flat=True) if pk is not None}


def _pair_of(
    project: Project, comparison: Comparison, rewrite_id: int, original_id: int
) -> Comparison:
    """Finds or makes the comparison of the two, finished: nobody is asked about it."""
    ids = (rewrite_id, original_id)
    name = (comparison.prompt_id, responses_key(ids))
    is_finished = {
        "state": Comparison.State.FINISHED,
        "slots_left": 0,
        "finished_at": timezone.now(),
        "round_number": comparison.round_number,
    }
    added = Adding(project).add_comparisons({name: ids}, is_finished)
    return Comparison.objects.select_related("prompt").get(pk=added.ids[name])
