"""Members on one scale, and the three ways to make one reward of them."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.core.loading.aggregation import (
    RewardScale,
    aggregate,
    on_one_scale,
    read_scales,
    same_spread,
    scales_of,
    write_scales,
)
from modeling.core.program.errors import ProgramError

REWARDS = torch.tensor([[1.0, 3.0, 5.0], [2.0, 2.0, 2.0]])  # two texts, three members


def test_the_mean_is_the_mean() -> None:
    assert aggregate(REWARDS).tolist() == [3.0, 2.0]


def test_worst_case_is_the_lowest_member() -> None:
    assert aggregate(REWARDS, "wco").tolist() == [1.0, 2.0]


def test_uncertainty_weighted_takes_off_the_variance() -> None:
    """Of 1, 3, 5 the variance is (4 + 0 + 4) / 3 = 8/3; 3 - 0.5 * 8/3 = 5/3. Agreement is free."""
    assert aggregate(REWARDS, "uwo", 0.5).tolist() == pytest.approx([5 / 3, 2.0])
    assert aggregate(REWARDS, "uwo", 0.0).tolist() == pytest.approx([3.0, 2.0])


def test_one_member_is_itself_in_every_way() -> None:
    one = torch.tensor([[0.3], [-7.0]])
    for way in ("mean", "wco", "uwo"):
        assert aggregate(one, way).tolist() == pytest.approx([0.3, -7.0])


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="median"):
        aggregate(REWARDS, "median")


def test_members_that_differ_by_level_and_scale_alone_agree_on_one_scale() -> None:
    """Members x and 10 x + 100 with x = -1, 0, 1: levels 0 and 100, spreads s and 10 s with
    s = sqrt(2/3). The average member has level 50 and spread 5.5 s, so both become 50 + 5.5 x."""
    x = torch.tensor([-1.0, 0.0, 1.0])
    both = torch.stack([x, 10 * x + 100], 1)
    scales = scales_of(both)
    assert scales[1].mean == pytest.approx(100)
    assert scales[1].std == pytest.approx(10 * (2 / 3) ** 0.5)
    scaled = on_one_scale(both, scales)
    assert scaled[:, 0].tolist() == pytest.approx([44.5, 50.0, 55.5])
    assert scaled[:, 1].tolist() == pytest.approx([44.5, 50.0, 55.5])


def test_without_it_the_worst_case_would_be_the_member_with_the_lowest_level() -> None:
    """The second member likes the first text less, the first member is only lower by habit."""
    rewards = torch.tensor([[0.0, 8.0], [0.5, 12.0]])
    scales = [RewardScale(0.0, 1.0), RewardScale(10.0, 1.0)]
    assert aggregate(rewards, "wco").tolist() == [0.0, 0.5]
    assert aggregate(on_one_scale(rewards, scales), "wco").tolist() == [3.0, 5.5]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3), min_size=2, max_size=6
    ),
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
)
def test_centring_heads_of_one_trunk_keeps_their_mean(
    rewards: list[list[float]], levels: list[float]
) -> None:
    """So the mean of the members is the reward of the plain checkpoint, whatever their levels."""
    scales = same_spread([RewardScale(level, 1.0 + at) for at, level in enumerate(levels)])
    assert {scale.std for scale in scales} == {2.0}
    table = torch.tensor(rewards)
    assert torch.allclose(on_one_scale(table, scales).mean(1), table.mean(1), rtol=1e-5, atol=1e-4)


def test_one_member_and_members_without_scales_stay_as_they_are() -> None:
    assert torch.equal(on_one_scale(REWARDS, None), REWARDS)
    assert torch.equal(on_one_scale(REWARDS[:, :1], [RewardScale(7.0, 3.0)]), REWARDS[:, :1])


def test_a_member_to_whom_all_is_alike_keeps_its_size() -> None:
    assert scales_of(torch.full((4, 1), 2.5)) == [RewardScale(2.5, 1.0)]


def test_scales_are_read_as_they_were_written(tmp_path: Path) -> None:
    scales = scales_of(torch.randn(9, 2))
    write_scales(tmp_path, scales, responses=9)
    assert read_scales(tmp_path, 2) == scales
    assert read_scales(tmp_path / "elsewhere", 2) is None


@pytest.mark.parametrize(
    "text", ["{", '{"members": [{"mean": 1}]}', '{"members": [{"mean": 0, "std": 0}]}']
)
def test_scales_that_cannot_be_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "reward_scale.json").write_text(text)
    with pytest.raises(ProgramError, match="does not fit"):
        read_scales(tmp_path, 1)


def test_scales_of_another_number_of_members_are_refused(tmp_path: Path) -> None:
    write_scales(tmp_path, [RewardScale(), RewardScale()], responses=4)
    with pytest.raises(ProgramError, match="does not fit"):
        read_scales(tmp_path, 3)
