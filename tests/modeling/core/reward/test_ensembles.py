"""Several heads on one trunk, several members in one run: trained, resumed, exported."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from modeling.core import score, train_reward
from modeling.core.fitting import finish as reward_finish
from modeling.core.loading.reward_model import load_reward_model
from modeling.core.loading.scorer import Scorer
from modeling.core.program.run_dir import EXIT_CANCELLED
from modeling.core.reading.reader import choose_reader
from modeling.core.reward.bootstrap import bootstrap_weight
from modeling.core.reward.objective import comparison_loss
from modeling.core.reward.parts import TrainingPart, part_groups
from modeling.core.reward.setup import encode_groups
from modeling.core.texts.groups import Unit, read_groups
from modeling.run_data.train_reward import TrainRewardConfig
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    metric,
    preference,
    preferences,
    read,
    run,
    stop_after,
    training_run,
    write_lines,
)


def contents(folder: Path) -> dict[str, bytes]:
    """Of every file that a run leaves, but for those with times in them."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("config.json", "result.json", "metrics.jsonl")
    }


@pytest.fixture(scope="module")
def with_heads(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = training_run(tmp_path_factory.mktemp("heads") / "run", tiny_model, heads=5, epochs=6)
    assert run(train_reward, folder) == 0
    return folder


@pytest.fixture(scope="module")
def with_members(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = training_run(tmp_path_factory.mktemp("members") / "run", tiny_model, members=3)
    assert run(train_reward, folder) == 0
    return folder


def test_the_mean_of_the_heads_is_a_plain_model(with_heads: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(with_heads / "model")
    heads = load_file(with_heads / "model" / "heads.safetensors")["weight"]
    assert heads.shape == (5, 32)
    assert torch.allclose(heads.mean(0), model.score.weight[0], atol=1e-7)
    result = read(with_heads / "result.json")
    assert result["members"] == ["model"]
    assert result["parity_max_error"] < 1e-4
    assert result["accuracy"]["test"]["value"] == 1.0


def test_the_heads_disagree_and_their_mean_is_the_reward(with_heads: Path) -> None:
    for row in lines(with_heads / "predictions.jsonl"):
        for side in ("chosen", "rejected"):
            members = row[f"members_{side}"]
            assert len(set(members)) == 5
            assert sum(members) / 5 == pytest.approx(row[f"reward_{side}"], abs=1e-5)


def test_a_scorer_gives_the_same_members_as_the_run(with_heads: Path) -> None:
    scorer = Scorer(str(with_heads / "model"), device="cpu", threads=1)
    row = lines(with_heads / "predictions.jsonl")[7]
    pair = preference(7)
    prompt = (("user", pair["prompt"][0]["content"]),)
    scores = scorer.scores([(prompt, pair["chosen"])])
    assert scores.members[0].tolist() == pytest.approx(row["members_chosen"], abs=1e-5)
    assert scores.rewards[0].item() == pytest.approx(row["reward_chosen"], abs=1e-5)


def test_a_head_learns_nothing_from_a_prompt_its_bootstrap_leaves_out(
    tiny_model: Path, tmp_path: Path
) -> None:
    """Weights 0, 1 and 2: no gradient for the first head, the third's twice what it would be."""
    write_lines(tmp_path / "rows.jsonl", [preference(0)])
    groups, _ = read_groups(tmp_path / "rows.jsonl", 0.0)
    collected = {}
    for weights in ([0.0, 1.0, 2.0], [0.0, 1.0, 1.0]):
        model, tokenizer, _ = load_reward_model(str(tiny_model), 0, heads=3)
        encoded = encode_groups(groups, tokenizer, 128)
        unit = Unit(0, tuple(groups[0].comparisons))
        reader = choose_reader(model, "auto", 128)
        loss, _ = comparison_loss(
            TrainRewardConfig(base_model="any"), reader, encoded, [unit], [weights]
        )
        loss.backward()
        collected[weights[2]] = model.score.weight.grad
    assert torch.all(collected[2.0][0] == 0)
    assert torch.any(collected[2.0][1] != 0)
    assert torch.allclose(collected[2.0][2], 2 * collected[1.0][2])


@pytest.mark.parametrize("options", [{"ties": "davidson"}, {"rankings": "plackett_luce"}, {}])
def test_equal_heads_without_bootstrap_cost_what_one_head_costs(
    tiny_model: Path, tmp_path: Path, options: dict[str, str]
) -> None:
    """The loss of M heads is the mean of theirs, in every way to compute it."""
    pairs = [("good", "fair"), ("fair", "bad"), ("good", "bad")]
    write_lines(
        tmp_path / "rows.jsonl",
        [preference(0, id=f"{n}", chosen=a, rejected=b) for n, (a, b) in enumerate(pairs)],
    )
    groups, _ = read_groups(tmp_path / "rows.jsonl", 0.0)
    losses = []
    for heads in (1, 3):
        model, tokenizer, _ = load_reward_model(str(tiny_model), 0, heads)
        with torch.no_grad():
            model.score.weight.copy_(torch.linspace(-1, 1, 32).expand(heads, 32))
        given = {"base_model": "any", "tie_weight": 0.5, "centering": 0.1}
        config = TrainRewardConfig.read(given | options)
        reader = choose_reader(model, "auto", 128)
        units = [Unit(0, tuple(groups[0].comparisons))]
        encoded = encode_groups(groups, tokenizer, 128)
        loss, _ = comparison_loss(config, reader, encoded, units)
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_heads_resume_to_the_same_bytes(
    with_heads: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, heads=5, epochs=6)
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        assert run(train_reward, folder) == EXIT_CANCELLED
    assert run(train_reward, folder) == 0
    assert contents(folder) == contents(with_heads)


def test_a_model_with_heads_is_trained_further_with_them(with_heads: Path, tmp_path: Path) -> None:
    model, _, _ = load_reward_model(str(with_heads / "model"), 0, heads=5)
    assert torch.equal(
        model.score.weight, load_file(with_heads / "model" / "heads.safetensors")["weight"]
    )
    other, _, _ = load_reward_model(str(with_heads / "model"), 0, heads=2)
    assert torch.equal(other.score.weight[0], other.score.weight[1]), "copies of the mean"
    folder = training_run(tmp_path / "run", with_heads / "model", heads=5, epochs=1)
    assert run(train_reward, folder) == 0
    assert metric(folder, "train/loss")[0] < 0.6, "it began anew"


def test_member_zero_is_the_model_of_a_run_without_members(
    with_members: Path, tiny_model: Path, tmp_path: Path
) -> None:
    alone = training_run(tmp_path / "run", tiny_model)
    assert run(train_reward, alone) == 0
    assert contents(with_members / "model") == contents(alone / "model")
    assert read(alone / "result.json")["members"] == ["model"]


def test_every_member_is_a_plain_model_of_its_own(with_members: Path, tmp_path: Path) -> None:
    """And all together, read by the score program, give what the run predicted."""
    result = read(with_members / "result.json")
    assert result["members"] == ["model", "members/1", "members/2"]
    assert [training["name"] for training in result["trainings"]] == result["members"]
    weights = {
        (with_members / name / "model.safetensors").read_bytes() for name in result["members"]
    }
    assert len(weights) == 3
    row = lines(with_members / "predictions.jsonl")[0]
    pair = preference(int(row["id"][1:]))
    responses = [{"id": "a", "prompt": pair["prompt"], "response": pair["chosen"]}]
    folders = [with_members / name for name in result["members"]]
    scored = make_run(tmp_path / "s", responses, "responses.jsonl", reward_models=folders)
    assert run(score, scored) == 0
    scored_row = lines(scored / "scores.jsonl")[0]
    assert scored_row["members"] == pytest.approx(row["members_chosen"], abs=1e-4)
    assert scored_row["reward"] == pytest.approx(row["reward_chosen"], abs=1e-4)


def test_only_the_model_draws_curves(with_members: Path) -> None:
    result = read(with_members / "result.json")
    assert len(metric(with_members, "train/loss")) == result["trainings"][0]["steps"]
    progress = [
        line["progress"] for line in lines(with_members / "metrics.jsonl") if "progress" in line
    ]
    training = [step for step in progress if step["phase"] == "training"]
    assert {step["total"] for step in training} == {round(2 * 10 * (1 + 0.632 * 2))}
    assert training[-1]["done"] == training[-1]["total"]
    assert [step["done"] for step in training] == sorted(step["done"] for step in training)


@pytest.mark.parametrize("step", [14, 30])
def test_a_run_cancelled_among_its_members_goes_on_to_the_same_bytes(
    with_members: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    """Checks for a cancel come with every step and every scored batch of the three trainings."""
    folder = training_run(tmp_path / "run", tiny_model, members=3)
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        assert run(train_reward, folder) == EXIT_CANCELLED
    before = metric(folder, "train/loss")
    assert run(train_reward, folder) == 0
    assert contents(folder) == contents(with_members)
    if step == 30:
        assert metric(folder, "train/loss") == before, "the finished model was trained again"


def test_a_member_that_fails_costs_no_other_its_training(
    with_members: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, members=3)
    save = reward_finish.save_checked
    with monkeypatch.context() as patch:
        patch.setattr(
            reward_finish,
            "save_checked",
            lambda training, outcome: save(training, outcome) if training.is_main else 1 / 0,
        )
        assert "ZeroDivisionError" in error_of(train_reward, folder)
    assert (folder / "model").is_dir()
    steps = metric(folder, "train/loss")
    assert run(train_reward, folder) == 0
    assert metric(folder, "train/loss") == steps
    assert contents(folder) == contents(with_members)


def test_an_outcome_cut_short_on_disk_is_made_again(
    with_members: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, members=3)
    with monkeypatch.context() as patch:
        stop_after(patch, 30)
        assert run(train_reward, folder) == EXIT_CANCELLED
    outcome = folder / "checkpoint" / "outcome.pt"
    outcome.write_bytes(outcome.read_bytes()[:400])
    assert run(train_reward, folder) == 0
    assert contents(folder) == contents(with_members)


def test_members_see_prompts_as_often_as_their_bootstrap_has_it(tmp_path: Path) -> None:
    write_lines(tmp_path / "rows.jsonl", preferences(40))
    groups, _ = read_groups(tmp_path / "rows.jsonl", 0.0)
    plain, everything = part_groups(groups, TrainingPart(), 0)
    assert plain == groups
    assert len(everything) == 24
    assert part_groups(groups, TrainingPart("members/2", 2), 0) == (plain, everything)
    weighed, seen = part_groups(groups, TrainingPart("members/2", 2, has_bootstrap=True), 0)
    for at in everything:
        times = bootstrap_weight(0, 2, groups[at].prompt)
        assert (at in seen) == (times > 0)
        if times:
            assert [c.weight for c in weighed[at].comparisons] == [times]
    held_out = [at for at, group in enumerate(groups) if group.split != "train"]
    assert [weighed[at] for at in held_out] == [groups[at] for at in held_out]


def test_members_without_bootstrap_see_everything_in_another_order(
    tiny_model: Path, tmp_path: Path
) -> None:
    """The first is the model of a run without members; nobody was left out to judge the rest."""
    alone = training_run(tmp_path / "alone", tiny_model, epochs=1)
    folder = training_run(tmp_path / "r", tiny_model, epochs=1, members=2, bootstrap=False)
    assert run(train_reward, alone) == 0 == run(train_reward, folder)
    main, other = (
        (folder / name / "model.safetensors").read_bytes() for name in ("model", "members/1")
    )
    assert main == (alone / "model" / "model.safetensors").read_bytes() != other
    steps = [one["steps"] for one in read(folder / "result.json")["trainings"]]
    assert steps[0] == steps[1] > 0
    rows = lines(folder / "contradictions.jsonl")
    assert {row["in_sample"] for row in rows if row["split"] == "train"} == {True}
    assert {row["members"] for row in rows} == {2}


def test_heads_and_members_together_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "r", tiny_model, heads=2, members=2)
    assert "choose one of the two" in error_of(train_reward, folder)
