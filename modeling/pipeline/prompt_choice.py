"""Which prompts get new responses by the current policy."""

import random

from django.db.models import Count

from labeling.models import Comparison, ComparisonResponse, Project, Prompt, Response
from modeling.models import Policy


def prompts_to_sample(project: Project, policy: Policy, count: int, seed: int) -> list[int]:
    """Prompts that need responses by this policy: those it was compared on least come first, then
    those with the fewest comparisons still to be judged, then at random."""
    ids = list(Prompt.objects.filter(project=project).order_by("pk").values_list("pk", flat=True))
    random.Random(seed).shuffle(ids)
    by_policy = _comparisons_by_policy(project, policy)
    waiting = dict(
        Comparison.objects.filter(project=project, slots_left__gt=0)
        .values_list("prompt")
        .annotate(Count("pk"))
        .order_by()
    )
    ids.sort(key=lambda pk: (by_policy.get(pk, 0), waiting.get(pk, 0)))
    return ids[:count]


def _comparisons_by_policy(project: Project, policy: Policy) -> dict[int, int]:
    """Prompt -> number of comparisons that show a response by this policy."""
    return dict(
        ComparisonResponse.objects.filter(
            response__prompt__project=project,
            response__origin=Response.Origin.POLICY,
            response__policy_version=policy.version,
        )
        .values_list("response__prompt")
        .annotate(Count("comparison", distinct=True))
        .order_by()
    )
