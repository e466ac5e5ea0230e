"""The playground: own text scored by a reward model, by default the one in service, with every
member of it, and by the predecessor as long as that foretells in its shadow."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from labeling.models import Role
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from modeling.models import RewardModel
from modeling.pages.versions import offered_versions, version_asked
from modeling.reward_models import service, serving
from modeling.reward_models.drift import is_calibrated


@dataclass(frozen=True)
class PlaygroundTexts:
    """What was typed. It stays in the form."""

    prompt: str = ""
    first: str = ""
    second: str = ""

    def texts(self) -> list[serving.TextToScore]:
        messages = [{"role": "user", "content": self.prompt}]
        responses = [self.first, *([self.second] if self.second.strip() else [])]
        return [serving.TextToScore(messages, response) for response in responses]


@dataclass(frozen=True)
class ModelOpinion:
    """The scores that one version gives A and, where it was typed, B."""

    model: RewardModel
    scored: list[tuple[str, serving.Scored]]
    is_calibrated: bool
    in_shadow: bool = False

    @property
    def probability(self) -> float | None:
        """The probability that people prefer B."""
        return self.scored[1][1].probability if len(self.scored) > 1 else None

    @property
    def members(self) -> list[list[float]]:
        """One row for each member, when there are several: its rewards of A and B."""
        rows = zip(*(one.members for _, one in self.scored), strict=True)
        rewards = [list(row) for row in rows]
        return rewards if len(rewards) > 1 else []


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def playground(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    given = PlaygroundTexts(*(request.POST.get(name, "") for name in ("prompt", "first", "second")))
    chosen = request.POST.get("version") or request.GET.get("version") or ""
    versions = offered_versions(project, chosen)
    model = chosen_version(versions, chosen)
    context = {"project": project, "versions": versions, "model": model, "given": given}
    status = 200
    if request.method == "POST" and model is not None:
        status = _score(model, given, context)
    return render(request, "modeling/reward_models/playground.html", context, status=status)


def chosen_version(versions: list[RewardModel], chosen: str) -> RewardModel | None:
    """The version that was asked for, else the one in service, else the newest."""
    live = next((m for m in versions if m.status == RewardModel.Status.LIVE), None)
    return version_asked(versions, chosen) or live or next(iter(versions), None)


def _score(model: RewardModel, given: PlaygroundTexts, context: dict[str, object]) -> int:
    """Puts scores, or a problem, into the context. Gives the status of the page."""
    if not given.prompt.strip() or not given.first.strip():
        context["problem"] = "Write a prompt and at least response A."
        return 400
    try:
        context["opinions"] = [opinion_of(model, given), *_shadows(model, given, context)]
    except serving.CannotScore as problem:
        context["problem"] = str(problem)
        return 400
    except serving.Unavailable as problem:
        context["problem"] = str(problem)
        return 503
    return 200


def opinion_of(
    model: RewardModel, given: PlaygroundTexts, *, in_shadow: bool = False
) -> ModelOpinion:
    scored = serving.score(model, given.texts())
    named = list(zip("AB", scored, strict=False))
    return ModelOpinion(model, named, is_calibrated(model), in_shadow)


def _shadows(
    model: RewardModel, given: PlaygroundTexts, context: dict[str, object]
) -> list[ModelOpinion]:
    """Asks the predecessor for its opinion beside that of the model in service. A failure is only a
    remark on the page: the scores that were asked for are there."""
    shadow = service.shadow_of(model.project)
    if shadow is None or model.status != RewardModel.Status.LIVE:
        return []
    try:
        return [opinion_of(shadow, given, in_shadow=True)]
    except (serving.CannotScore, serving.Unavailable) as problem:
        context["remark"] = f"v{shadow.version}, in its shadow, could not be asked: {problem}"
        return []
