"""A labeler's rewrite: a new response by a person, preferred over what it improves.

Which responses those are follows from the judgment: its best tier, so one response, or several
that are as good as each other (or as bad). The preference needs no further judgment; it counts
as long as some current judgment stands for the rewrite.
"""

from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from labeling.material import responses_key
from labeling.models import Assignment, Comparison, Judgment, Preference, Response
from labeling.texts import response_digest

SOURCE = "rewrite"


def add_rewrite(assignment: Assignment, text: str) -> Response | None:
    """The rewrite as a response; None when it says the same as a response on screen."""
    prompt_id = assignment.comparison.prompt_id
    response, _ = Response.objects.get_or_create(
        prompt_id=prompt_id,
        digest=response_digest(text),
        defaults={"text": text, "origin": Response.Origin.HUMAN, "source": SOURCE},
    )
    return None if response.pk in assignment.order else response


def prefer_rewrite(assignment: Assignment, judgment: Judgment) -> list[Preference]:
    """Writes that the judgment's rewrite is better than each response of its best tier.

    A pair that people are comparing or have compared already is left to them.
    """
    if judgment.rewrite_id is None or judgment.purpose != Assignment.Purpose.WORK:
        return []
    weight = max(0.0001, min(1.0, assignment.reliability))
    preferences = []
    for original_id in judgment.tiers[0]:
        pair = _pair_of(assignment.comparison, judgment.rewrite_id, original_id)
        if pair.state == Comparison.State.FINISHED:
            preferences += _prefer(pair, judgment.rewrite_id, original_id, weight)
    refresh_rewrites([judgment.rewrite_id])
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
    """The preferences for these rewrites are in use while a judgment stands for them.

    Call after judgments with a rewrite were superseded, excluded or brought back.
    """
    wanted = {response_id for response_id in response_ids if response_id is not None}
    if not wanted:
        return
    standing = set(
        Judgment.objects.filter(
            rewrite_id__in=wanted, superseded_at__isnull=True, excluded_at__isnull=True
        ).values_list("rewrite_id", flat=True)
    )
    preferences = Preference.objects.filter(
        chosen_id__in=wanted, provenance=Preference.Provenance.HUMAN
    )
    preferences.filter(~Q(chosen_id__in=standing)).update(settled_at=None)
    preferences.filter(chosen_id__in=standing, settled_at=None).update(settled_at=timezone.now())


def _pair_of(comparison: Comparison, rewrite_id: int, original_id: int) -> Comparison:
    """A finished comparison of the two: nobody is asked about it."""
    pair, created = Comparison.objects.get_or_create(
        prompt_id=comparison.prompt_id,
        responses_key=responses_key((rewrite_id, original_id)),
        defaults={
            "project_id": comparison.project_id,
            "state": Comparison.State.FINISHED,
            "slots_left": 0,
            "finished_at": timezone.now(),
            "round_number": comparison.round_number,
        },
    )
    if created:
        for position, response_id in enumerate((rewrite_id, original_id)):
            pair.comparison_responses.create(response_id=response_id, position=position)
    return pair
