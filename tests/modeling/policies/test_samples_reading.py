"""The sample browser reads the scores of what it shows, however many others there are."""

import pytest
from django.db import connection  # noqa: F401 for the condition below

from labeling.models import Project, Response
from modeling.models import RewardModel, Score
from modeling.policies import samples
from tests.factories import make_project, make_prompt, make_response
from tests.modeling.page_helpers import make_reward_model
from tests.sqlite_steps import steps_of

pytestmark = pytest.mark.django_db


def with_scores(project: Project, model: RewardModel, count: int) -> list[Response]:
    prompt = make_prompt(project)
    responses = [make_response(prompt, f"Text {number}.") for number in range(count)]
    Score.objects.bulk_create(
        Score(response=response, reward_model=model, value=0.0) for response in responses
    )
    return responses


def test_rewards_are_those_of_the_model_that_scored_most_of_what_is_shown() -> None:
    project = make_project()
    first, second = make_reward_model(project), make_reward_model(project)
    one, two = with_scores(project, first, 2)
    with_scores(project, second, 5)
    assert samples._reward_model([one, two]) == first
    Score.objects.create(response=one, reward_model=second, value=0.0)
    assert samples._reward_model([one, two]) == first, "two against one"
    Score.objects.create(response=two, reward_model=second, value=0.0)
    assert samples._reward_model([one, two]) == second, "the newer of two that scored as many"
    assert samples._reward_model([make_response(one.prompt, "Unscored.")]) is None


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="counts SQLite's instructions")
def test_scores_that_are_not_shown_are_not_read() -> None:
    project = make_project()
    model = make_reward_model(project)
    shown = with_scores(project, model, 3)
    alone = steps_of(lambda: samples._reward_model(shown))
    with_scores(project, model, 300)
    assert steps_of(lambda: samples._reward_model(shown)) <= 1.2 * alone
