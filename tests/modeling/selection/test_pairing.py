"""Of a prompt's responses, the two that join the queue."""

import pytest

from labeling.models import Prompt
from modeling.models import RewardModel
from modeling.selection.learner import Follower
from modeling.selection.pairing import Pair, choose_pairs
from modeling.settings.choices import Selection
from tests.factories import make_project, make_prompt, make_response
from tests.modeling.selection_helpers import live_model, tell

pytestmark = pytest.mark.django_db


def responses(prompt: Prompt, model: RewardModel, rewards: list[float]) -> list[int]:
    found = []
    for at, reward in enumerate(rewards):
        response = make_response(prompt, f"Response {at}")
        tell(model, response, reward, [])
        found.append(response.pk)
    return found


def choose(
    ids: list[int], model: RewardModel | None, strategy: Selection, **options: object
) -> Pair | None:
    known = {"taken": (), "random_share": 0.0, "seed": 0} | options
    follower = Follower(model) if model else None
    chosen = choose_pairs({1: ids}, follower=follower, strategy=strategy, **known)  # type: ignore[arg-type]
    return chosen.get(1)


def test_the_closest_two_are_most_uncertain() -> None:
    project = make_project()
    model = live_model(project)
    a, b, c = responses(make_prompt(project), model, [0.0, 0.1, 2.0])
    assert choose([c, b, a], model, Selection.UNCERTAINTY) == (a, b)
    assert choose([a, b, c], model, Selection.UNCERTAINTY, taken={(1, f"{a}-{b}")}) == (b, c)


def test_the_best_is_compared_with_the_worst() -> None:
    project = make_project()
    model = live_model(project)
    a, _, c = responses(make_prompt(project), model, [0.0, 0.1, 2.0])
    assert choose([a, a + 1, c], model, Selection.MAX_MIN) == (a, c)


def test_thompson_compares_those_that_may_be_best() -> None:
    """Only the calibration is in doubt, and it hardly ever turns the order round: the winner is
    always the third, its rival any other."""
    project = make_project()
    model = live_model(project)
    a, b, c = responses(make_prompt(project), model, [0.0, 1.0, 5.0])
    rivals = {choose([a, b, c], model, Selection.THOMPSON, seed=seed) for seed in range(40)}
    assert (a, c) in rivals and (b, c) in rivals
    assert (a, b) not in rivals


def test_members_that_disagree_are_two_winners() -> None:
    project = make_project()
    model = live_model(project)
    a, b, c = responses(make_prompt(project), model, [2.0, 2.0, 0.0])
    for pk, opinions in ((a, [4.0, 0.0]), (b, [0.0, 4.0]), (c, [0.0, 0.0])):
        model.scores.filter(response=pk).update(members=opinions)
    chosen = [choose([a, b, c], model, Selection.THOMPSON, seed=seed) for seed in range(20)]
    assert chosen.count((a, b)) == 20


def test_without_a_model_every_pair_can_come() -> None:
    project = make_project()
    prompt = make_prompt(project)
    ids = [make_response(prompt, f"Response {at}").pk for at in range(3)]
    found = {choose(ids, None, Selection.UNCERTAINTY, seed=seed) for seed in range(60)}
    assert found == {(ids[0], ids[1]), (ids[0], ids[2]), (ids[1], ids[2])}


def test_a_share_of_prompts_gets_any_pair() -> None:
    """Else what is handed out at random would be drawn from chosen pairs only."""
    project = make_project()
    model = live_model(project)
    by_prompt = {}
    for _ in range(60):
        prompt = make_prompt(project)
        by_prompt[prompt.pk] = responses(prompt, model, [0.0, 0.1, 2.0, 9.0])
    chosen = choose_pairs(
        by_prompt, (), follower=Follower(model), strategy=Selection.UNCERTAINTY,
        random_share=0.4, seed=3,
    )  # fmt: skip
    closest = sum(chosen[pk] == (ids[0], ids[1]) for pk, ids in by_prompt.items())
    assert 30 <= closest < 50


def test_one_response_makes_no_pair() -> None:
    project = make_project()
    model = live_model(project)
    (only,) = responses(make_prompt(project), model, [1.0])
    assert choose([only, only], model, Selection.UNCERTAINTY) is None
    assert choose([], None, Selection.RANDOM) is None
