"""Projects whose reward model in service has scores and features of everything in the queue."""

from datetime import timedelta

import numpy as np
from django.utils import timezone

from labeling.models import Comparison, Project, Prompt, Response
from labeling.models.material import Split
from modeling.models import ResponseFeatures, RewardModel, Score, versions
from modeling.selection.features import STORED
from tests.factories import judge_for, make_comparison, make_member, make_prompt
from tests.modeling.page_helpers import make_reward_model

Gap = tuple[float, list[float]]


def live_model(project: Project) -> RewardModel:
    """In service since an hour ago."""
    model = make_reward_model(project)
    model.snapshot.last_settled_at = timezone.now() - timedelta(hours=1)
    model.snapshot.save()
    loop = versions.loop_of(project)
    loop.reward_model = model
    loop.save()
    return model


def tell(model: RewardModel, response: Response, reward: float, features: list[float]) -> None:
    """What the model says of a response; no features: only its reward."""
    Score.objects.create(reward_model=model, response=response, value=reward)
    if features:
        vector = np.array(features, dtype=STORED).tobytes()
        ResponseFeatures.objects.create(reward_model=model, response=response, vector=vector)


def queue_pairs(project: Project, model: RewardModel, gaps: list[Gap]) -> list[Comparison]:
    """A comparison for each (reward, features) of "Good." over those of "Bad.", of prompts that
    are trained on."""
    found = []
    for gap, features in gaps:
        prompt = make_prompt(project)
        Prompt.objects.filter(pk=prompt.pk).update(split=Split.TRAIN)
        prompt.refresh_from_db()
        comparison = make_comparison(project, prompt=prompt)
        for response in comparison.responses.all():
            is_good = response.text == "Good."
            tell(
                model, response, gap if is_good else 0.0,
                features if is_good else [0.0] * len(features),
            )  # fmt: skip
        found.append(comparison)
    return found


def judge_next(project: Project, count: int, prefer: str = "Good.") -> None:
    """So many judgments by one more labeler."""
    labeler = make_member(project)
    for _ in range(count):
        judge_for(labeler, project, prefer)


def in_line(project: Project) -> list[int]:
    """Ids of what nobody has seen yet, in the order in which it is handed out."""
    fresh = Comparison.objects.filter(project=project, slots_left__gt=0, waiting_since=None)
    return list(fresh.order_by("-priority", "pk").values_list("pk", flat=True))
