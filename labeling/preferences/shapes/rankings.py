"""All responses of a comparison in one order, by what was settled between every two of them."""

from collections import defaultdict
from collections.abc import Iterable

from labeling.models import ComparisonResponse, Preference
from labeling.preferences.settling import USABLE
from labeling.preferences.shapes.pairs import Answer, Ranking


def rankings_of(comparison_ids: Iterable[int]) -> dict[int, Ranking]:
    """The ranking of each of these comparisons. A response has a point for each other that it was
    preferred to, and half of one for each tie; equal points are one tier. So an order that people
    agree on comes out as it is, and where preferences go round in a circle they tie."""
    wanted = set(comparison_ids)
    points: defaultdict[int, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    settled = Preference.objects.filter(
        comparison__in=wanted, settled_at__isnull=False, excluded=False, kind__in=USABLE
    )
    columns = ("comparison_id", "chosen_id", "rejected_id", "kind")
    for comparison, chosen, rejected, kind in settled.values_list(*columns):
        is_tie = kind == Preference.Kind.TIE
        points[comparison][chosen] += 0.5 if is_tie else 1
        points[comparison][rejected] += 0.5 if is_tie else 0
    responses: defaultdict[int, list[tuple[int, str, str, dict]]] = defaultdict(list)
    places = ComparisonResponse.objects.filter(comparison__in=wanted).order_by("position")
    of_response = ("response_id", "response__text", "response__source", "response__extra")
    for comparison, *response in places.values_list("comparison_id", *of_response):
        responses[comparison].append(tuple(response))
    return {pk: _ranking(responses[pk], points[pk]) for pk in wanted}


def _ranking(responses: list[tuple[int, str, str, dict]], points: dict[int, float]) -> Ranking:
    """Of the responses that a settled preference names."""
    ranked = [response for response in responses if response[0] in points]
    by_points: defaultdict[float, list[int]] = defaultdict(list)
    for place, (pk, *_) in enumerate(ranked):
        by_points[points[pk]].append(place)
    return Ranking(
        responses=[Answer(text, extra) for _, text, _, extra in ranked],
        models=[source for _, _, source, _ in ranked],
        tiers=[by_points[some] for some in sorted(by_points, reverse=True)],
    )
