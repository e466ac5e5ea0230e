"""How several members' rewards become one: by hand, and as the learning programs do it; and that
every member reads the queue."""

from pathlib import Path

import pytest
import torch

from modeling.core.loading import aggregation
from modeling.models import RewardModel, Score
from modeling.reward_models.ensembles import combine, spread
from modeling.settings.choices import Aggregate
from tests.modeling.loop_helpers import advance_one, execute, loop_project, train_once

MEMBERS = [0.3, -1.25, 2.0, 0.5]


def test_the_three_ways_by_hand() -> None:
    """Members 1, 2, 6: mean 3, variance (4 + 1 + 9) / 3 = 14/3; 3 - 0.3 * 14/3 = 1.6."""
    assert combine([1.0, 2.0, 6.0]) == 3.0
    assert combine([1.0, 2.0, 6.0], "wco") == 1.0
    assert combine([1.0, 2.0, 6.0], "uwo", 0.3) == pytest.approx(1.6)
    assert spread([1.0, 2.0, 6.0]) == pytest.approx((14 / 3) ** 0.5)


@pytest.mark.parametrize("way", [way.value for way in Aggregate])
def test_the_web_side_and_the_programs_agree(way: str) -> None:
    theirs = aggregation.aggregate(torch.tensor([MEMBERS], dtype=torch.float64), way, 0.7)
    assert combine(MEMBERS, way, 0.7) == pytest.approx(theirs.item(), abs=1e-12)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="max"):
        combine(MEMBERS, "max")


@pytest.mark.django_db(transaction=True)
def test_the_queue_is_read_by_every_member_and_their_mean_is_kept(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    model = RewardModel.objects.get()
    model.results |= {"members": ["model", "members/1"]}
    model.save()
    for path in model.member_paths:
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").write_text("{}")
    assert execute(advance_one(project)).state == "succeeded"
    scores = list(Score.objects.filter(reward_model=model).select_related("response"))
    assert len(scores) > 0
    for score in scores:
        length = len(score.response.text) / 10
        assert score.members == [length, length + 1]
        assert score.value == pytest.approx(length + 0.5)
