"""The playground: own text scored by a reward model, by default the one in service."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from labeling.access import project_for
from labeling.models import Project, Role
from labeling.pages.requests import SignedInRequest
from modeling import serving
from modeling.drift import is_calibrated
from modeling.models import RewardModel

VERSIONS_OFFERED = 50


@dataclass(frozen=True)
class Given:
    """What was typed, so that it stays in the form."""

    prompt: str = ""
    first: str = ""
    second: str = ""

    def texts(self) -> list[serving.Text]:
        messages = [{"role": "user", "content": self.prompt}]
        responses = [self.first, *([self.second] if self.second.strip() else [])]
        return [serving.Text(messages, response) for response in responses]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def playground(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    versions = list(RewardModel.objects.filter(project=project)[:VERSIONS_OFFERED])
    given = Given(*(request.POST.get(name, "") for name in ("prompt", "first", "second")))
    chosen = request.POST.get("version") or request.GET.get("version") or ""
    model = chosen_version(project, versions, chosen)
    context = {"project": project, "versions": versions, "model": model, "given": given}
    status = 200
    if request.method == "POST" and model is not None:
        status = _score(model, given, context)
    return render(request, "modeling/playground.html", context, status=status)


def chosen_version(
    project: Project, versions: list[RewardModel], chosen: str
) -> RewardModel | None:
    """The one asked for, else the one in service, else the newest."""
    live = next((m for m in versions if m.status == RewardModel.Status.LIVE), None)
    if live is None:
        live = RewardModel.objects.filter(project=project, status=RewardModel.Status.LIVE).first()
    asked = next((model for model in versions if str(model.version) == chosen), None)
    return asked or live or next(iter(versions), None)


def _score(model: RewardModel, given: Given, context: dict[str, object]) -> int:
    """Puts scores or a problem into the context; the status of the page."""
    if not given.prompt.strip() or not given.first.strip():
        context["problem"] = "Write a prompt and at least response A."
        return 400
    try:
        scored = serving.score(model, given.texts())
    except serving.CannotScore as problem:
        context["problem"] = str(problem)
        return 400
    except serving.Unavailable as problem:
        context["problem"] = str(problem)
        return 503
    context["scored"] = list(zip("AB", scored, strict=False))
    context["is_calibrated"] = is_calibrated(model)
    context["probability"] = scored[1].probability if len(scored) > 1 else None
    return 200
