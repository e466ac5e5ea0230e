"""The versions of a reward model that a page offers to choose from."""

from collections.abc import Sequence

from django.db.models import Q
from django.http import Http404

from labeling.models import Project
from labeling.pages.requests import SignedInRequest
from modeling.models import RewardModel, deciding

OFFERED = 50


def offered_versions(project: Project, *asked: str) -> list[RewardModel]:
    """Lists the newest versions, then the one in service and those that were asked for, newest
    first."""
    reward_models = RewardModel.objects.filter(project=project).select_related("run", "project")
    newest = list(reward_models[:OFFERED])
    if len(newest) < OFFERED:
        return newest
    named = Q(status=RewardModel.Status.LIVE) | Q(
        version__in=[int(v) for v in asked if is_number(v)]
    )
    return newest + list(reward_models.filter(named, version__lt=newest[-1].version))


def version_asked(versions: Sequence[RewardModel], asked: str) -> RewardModel | None:
    """Gives the version that was asked for. None where none was; a 404 where it is not there, never
    another version in its place."""
    if not asked:
        return None
    for model in versions:
        if str(model.version) == asked:
            return model
    raise Http404(f"There is no reward model v{asked}.")


def is_number(asked: str) -> bool:
    """Whether the text is a number of a size that the database can compare."""
    return asked.isdecimal() and len(asked) < 10


def seen_in_service(request: SignedInRequest) -> int | deciding.Now | None:
    """Reads the key of what was in service on the page on which somebody decided."""
    seen = request.POST.get("instead_of")
    if seen is None:
        return deciding.NOW
    return int(seen) if seen.isdecimal() and len(seen) < 19 else None
