"""Which reward models were trained with judgments of one labeler: a fragment of their page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from labeling.models import Role
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.quality.exclusion import snapshots_using
from modeling.models import RewardModel


@login_required
@require_safe
def labeler_models(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    membership = get_object_or_404(project.memberships.select_related("user"), pk=pk)
    snapshots = [use.snapshot.pk for use in snapshots_using(project, membership.user)]
    context = {
        "project": project,
        "membership": membership,
        "reward_models": RewardModel.objects.filter(snapshot__in=snapshots),
    }
    fragment = "modeling/reward_models/_labeler-models.html"
    template = fragment if request.htmx else "modeling/reward_models/labeler_models.html"
    return render(request, template, context)
