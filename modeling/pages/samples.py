"""Samples: what versions of the policy wrote for the same prompt, side by side, with rewards."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.access import project_for
from labeling.excerpts import AllContents
from labeling.models import Project, Prompt, Response, Role
from labeling.pages.requests import SignedInRequest
from modeling import demo_gold
from modeling.models import RewardModel, Score

PAGE_SIZE = 12
MOST_VERSIONS = 4
MOST_OTHERS = 5


@dataclass(frozen=True)
class Sample:
    """One response. `reward` by the reward model in service; `gold` in the demo only."""

    text: str
    finished: bool
    reward: float | None
    gold: float | None


@dataclass
class Column:
    """What one version wrote for a prompt, the latest first."""

    version: int
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    prompt: Prompt
    columns: list[Column]


@login_required
@require_safe
def sample_browser(request: SignedInRequest, slug: str) -> HttpResponse:
    """`?version=` (several), `?q=` and `?after=` are the whole state: a view can be sent on."""
    project = project_for(request.user, slug, Role.CURATOR)
    known = sorted(_versions_with_responses(project), reverse=True)
    asked = {int(v) for v in request.GET.getlist("version") if v.isdecimal()}
    versions = sorted(sorted(asked & set(known), reverse=True)[:MOST_VERSIONS] or known[:2])
    text = request.GET.get("q", "").strip()
    after = request.GET.get("after", "")
    prompts = _prompts(project, versions, text)
    if after.isdecimal():
        prompts = prompts.filter(pk__gt=int(after))
    page = list(prompts[: PAGE_SIZE + 1])
    responses = _responses(page[:PAGE_SIZE], versions)
    model = _reward_model(responses)
    context: dict[str, Any] = {
        "project": project,
        "rows": _rows(project, page[:PAGE_SIZE], versions, responses, model),
        "known": known,
        "versions": versions,
        "text": text,
        "reward_model": model,
        "next_page": _address(versions, text, page[PAGE_SIZE - 1].pk)
        if len(page) > PAGE_SIZE
        else "",
        "first_page": _address(versions, text) if after else "",
        "most_versions": MOST_VERSIONS,
    }
    return render(request, "modeling/samples.html", context)


def _address(versions: Sequence[int], text: str, after: int | None = None) -> str:
    pairs: list[tuple[str, str | int]] = [("version", version) for version in versions]
    if text:
        pairs.append(("q", text))
    if after is not None:
        pairs.append(("after", after))
    return f"?{urlencode(pairs)}"


def _versions_with_responses(project: Project) -> set[int]:
    written = Response.objects.filter(
        prompt__project=project, origin=Response.Origin.POLICY
    ).values_list("policy_version", flat=True)
    return {version for version in written.distinct().order_by() if version is not None}


def _prompts(project: Project, versions: Sequence[int], text: str) -> QuerySet[Prompt]:
    """Prompts that all of these versions have answered."""
    found = Prompt.objects.filter(
        project=project,
        responses__origin=Response.Origin.POLICY,
        responses__policy_version__in=versions,
    ).annotate(writers=Count("responses__policy_version", distinct=True))
    found = found.filter(writers=len(versions)).order_by("pk")
    if text:
        found = found.annotate(contents=AllContents("messages")).filter(contents__icontains=text)
    return found


def _reward_model(responses: Sequence[Response]) -> RewardModel | None:
    """The one that has scored most of these, so that rewards side by side are comparable; the
    newest of several."""
    by_count = Q(scores__response__in=[response.pk for response in responses])
    models = RewardModel.objects.annotate(scored=Count("scores", filter=by_count))
    return models.filter(scored__gt=0).order_by("-scored", "-version").first()


def _responses(prompts: Sequence[Prompt], versions: Sequence[int]) -> list[Response]:
    found = Response.objects.filter(
        prompt__in=prompts, origin=Response.Origin.POLICY, policy_version__in=versions
    )
    return list(found.order_by("-pk"))


def _rows(
    project: Project,
    prompts: Sequence[Prompt],
    versions: Sequence[int],
    responses: Sequence[Response],
    model: RewardModel | None,
) -> list[Row]:
    scores = Score.objects.filter(reward_model=model, response__in=[r.pk for r in responses])
    rewards = dict(scores.values_list("response_id", "value")) if model else {}
    oracle = demo_gold.oracle_of(project)
    messages = {prompt.pk: prompt.messages for prompt in prompts}
    written: dict[tuple[int, int | None], list[Sample]] = defaultdict(list)
    # Those with a reward lead: they can be compared.
    for response in sorted(responses, key=lambda response: response.pk not in rewards):
        samples = written[response.prompt_id, response.policy_version]
        if len(samples) <= MOST_OTHERS:
            gold = oracle(messages[response.prompt_id], response.text) if oracle else None
            reward = rewards.get(response.pk)
            samples.append(Sample(response.text, response.finished, reward, gold))
    return [
        Row(prompt, [Column(version, written[prompt.pk, version]) for version in versions])
        for prompt in prompts
    ]
