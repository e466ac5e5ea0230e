"""Which prompts get new responses."""

import pytest

from labeling.models import Response
from modeling.models import Policy
from modeling.pipeline.prompt_choice import prompts_to_sample
from tests.factories import make_comparison, make_project, make_prompt, make_response, queue


@pytest.mark.django_db
def test_prompts_that_the_policy_was_compared_on_least_come_first() -> None:
    project = make_project()
    policy = Policy.objects.create(project=project, version=2, name="p", location="x/y")
    new, waiting, known = (make_prompt(project, name) for name in ("new", "waiting", "known"))
    make_comparison(project, prompt=waiting)
    written = [
        make_response(known, text, origin=Response.Origin.POLICY, policy_version=2)
        for text in ("one", "two")
    ]
    queue(*written)
    assert prompts_to_sample(project, policy, 3, seed=0) == [new.pk, waiting.pk, known.pk]
    assert prompts_to_sample(project, policy, 1, seed=0) == [new.pk]


@pytest.mark.django_db
def test_prompts_in_equal_need_are_drawn_by_the_seed() -> None:
    project = make_project()
    policy = Policy.objects.create(project=project, version=1, name="p", location="x/y")
    for _ in range(20):
        make_prompt(project)
    first = prompts_to_sample(project, policy, 5, seed=1)
    assert first == prompts_to_sample(project, policy, 5, seed=1)
    assert first != prompts_to_sample(project, policy, 5, seed=2)
