"""Reward models that read the response's mean, or a frozen trunk: they learn, reload and resume."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, BertModel

from modeling.core import score, train_reward
from modeling.core.fitting import feature_table
from modeling.core.loading.own_head import mean_readout
from modeling.core.loading.saved_rewards import combine, load_scorer
from modeling.core.program.errors import ProgramCancelled, ProgramError
from modeling.core.program.run_dir import RunDir
from modeling.core.reading.features import Readout
from modeling.core.reading.reader import Reader, choose_reader
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    metric,
    preferences,
    read,
    run,
    training_run,
)
from tests.modeling.core.reading.test_reading import CAUSAL, make_model, ragged_groups

OWN: list[dict[str, Any]] = [
    {"pooling": "mean"},
    {"method": "frozen"},
    {"pooling": "mean", "heads": 3},
    {"method": "frozen", "heads": 3},
]


def names(config: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in config.items())


@pytest.fixture(scope="module", params=OWN, ids=names)
def finished(
    request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = training_run(tmp_path_factory.mktemp("own") / "run", tiny_model, **request.param)
    assert run(train_reward, folder) == 0
    return folder


@pytest.fixture(scope="module")
def tiny_bert(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with the tiny model's tokenizer."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("bert")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
    BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, **sizes)).save_pretrained(
        folder
    )
    return folder


def scored(folder: Path, model: Path) -> list[float]:
    """Rewards of the first pair by the score program."""
    responses = [
        {"id": str(n), "prompt": messages("What is 0 plus one?"), "response": text}
        for n, text in enumerate(("It is 1. You are welcome!", "I do not know. Go away."))
    ]
    make_run(folder, responses, "responses.jsonl", reward_models=[str(model)])
    assert run(score, folder) == 0
    return [row["reward"] for row in lines(folder / "scores.jsonl")]


def test_it_learns(finished: Path) -> None:
    result = read(finished / "result.json")
    assert result["accuracy"]["test"]["value"] == 1.0
    assert result["parity_max_error"] < 1e-4
    assert metric(finished, "test/accuracy") == [1.0]


def test_the_score_program_gives_the_run_s_own_rewards(finished: Path, tmp_path: Path) -> None:
    chosen, rejected = scored(tmp_path / "score", finished / "model")
    row = next(row for row in lines(finished / "predictions.jsonl") if row["id"] == "p0")
    assert chosen == pytest.approx(row["reward_chosen"], abs=1e-4)
    assert rejected == pytest.approx(row["reward_rejected"], abs=1e-4)


def test_every_head_is_scored(finished: Path) -> None:
    heads = read(finished / "config.json").get("heads", 1)
    scorer = load_scorer(str(finished / "model"), torch.device("cpu"), threads=1)
    raw = scorer.score([((("user", "What is 0 plus one?"),), "It is 1. You are welcome!")])
    rewards = combine([raw], [scorer.scales], "mean", 0.0).members
    row = next(row for row in lines(finished / "predictions.jsonl") if row["id"] == "p0")
    assert rewards.shape == (1, heads)
    assert rewards[0].tolist() == pytest.approx(
        row.get("members_chosen", [row["reward_chosen"]]), abs=1e-4
    )
    assert heads == 1 or rewards.std() > 0


def test_no_other_program_takes_the_folder_for_a_classifier(finished: Path) -> None:
    export = read(finished / "result.json")["export"]
    assert export["plain"] is False
    assert "only Preferable" in export["reason"]
    _, report = AutoModelForSequenceClassification.from_pretrained(
        finished / "model", num_labels=1, output_loading_info=True
    )
    assert "score.weight" in report["missing_keys"]


def test_a_damaged_head_is_refused(finished: Path, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(finished / "model", tmp_path / "model")
    weights = folder / "reward_head.safetensors"
    weights.write_bytes(weights.read_bytes()[:-20])
    with pytest.raises(ProgramError, match="reward head"):
        load_scorer(str(folder), torch.device("cpu"))


@pytest.mark.parametrize("config", OWN[:2], ids=names)
def test_encoders_are_read_padded_and_learn_too(
    tiny_bert: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    folder = training_run(tmp_path / "run", tiny_bert, **config)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert result["config"]["attention"] == "padded"
    assert result["accuracy"]["test"]["value"] == 1.0
    assert scored(tmp_path / "score", folder / "model")


@pytest.mark.parametrize("name", CAUSAL)
def test_the_mean_is_the_same_from_packed_and_padded_rows(name: str) -> None:
    """Rewards and gradients."""
    model = make_model(CAUSAL[name]())
    plain = copy.deepcopy(model)
    chosen = choose_reader(model, "auto", 200)
    assert chosen.way == "shared"
    first = rewards_and_gradients(Reader(model, "shared", readout=mean_readout(model)))
    expected = rewards_and_gradients(Reader(plain, "padded", readout=mean_readout(plain)))
    assert (first[0] - expected[0]).abs().max() < 1e-4 * expected[0].abs().max()
    scale = max(gradient.norm() for gradient in expected[1].values())
    assert first[1].keys() == expected[1].keys()
    for key, gradient in expected[1].items():
        assert (first[1][key] - gradient).norm() < 1e-4 * scale


def rewards_and_gradients(reader: Reader) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    rewards = reader.rewards(ragged_groups())
    (rewards * torch.linspace(-1, 2, len(rewards))).sum().backward()
    parameters = reader.model.named_parameters()
    return rewards.detach(), {key: p.grad for key, p in parameters if p.grad is not None}


def test_a_mean_model_is_trained_further_with_its_head(finished: Path, tmp_path: Path) -> None:
    config = read(finished / "config.json")
    again = training_run(
        tmp_path / "again",
        finished / "model",
        pooling="mean",
        heads=config.get("heads", 1),
        learning_rate=1e-8,
        epochs=1,
    )
    assert run(train_reward, again) == 0
    warnings = " ".join(read(again / "result.json")["warnings"])
    first, second = (lines(f / "predictions.jsonl")[0] for f in (finished, again))
    if config.get("method") == "frozen":
        assert "a new head is trained" in warnings
        return
    assert "its head is kept" in warnings
    assert second["reward_chosen"] == pytest.approx(first["reward_chosen"], abs=1e-3)


class TestFrozen:
    def test_the_trunk_stays_as_it_is(self, tiny_model: Path, tmp_path: Path) -> None:
        from safetensors.torch import load_file

        folder = training_run(tmp_path / "run", tiny_model, method="frozen")
        assert run(train_reward, folder) == 0
        before = load_file(tiny_model / "model.safetensors")
        after = load_file(folder / "model" / "model.safetensors")
        assert all(torch.equal(before[f"model.{key}"], after[key]) for key in after)

    def test_the_result_tells_what_was_chosen_among_what(
        self, tiny_model: Path, tmp_path: Path
    ) -> None:
        folder = training_run(tmp_path / "run", tiny_model, method="frozen")
        assert run(train_reward, folder) == 0
        frozen = read(folder / "result.json")["frozen"]
        assert [trial["layers"] for trial in frozen["cross_validation"]] == [[1], [2], [1, 2]]
        best = min(frozen["cross_validation"], key=lambda trial: trial["loss"])
        assert (frozen["layers"], frozen["l2"]) == (best["layers"], best["l2"])

    def test_a_layer_can_be_asked_for(self, tiny_model: Path, tmp_path: Path) -> None:
        folder = training_run(tmp_path / "run", tiny_model, method="frozen", layer=1)
        assert run(train_reward, folder) == 0
        assert read(folder / "result.json")["frozen"]["layers"] == [1]
        assert read(folder / "model" / "reward_head.json")["layers"] == [1]

    def test_a_layer_that_is_not_there_is_refused(self, tiny_model: Path, tmp_path: Path) -> None:
        folder = training_run(tmp_path / "run", tiny_model, method="frozen", layer=7)
        assert "There is no layer 7: the base model has 2" in error_of(train_reward, folder)

    def test_a_cancelled_run_reads_no_text_twice(
        self, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And ends with the bytes of one that was never interrupted."""
        monkeypatch.setattr(feature_table, "SHARD_TEXTS", 8)
        straight = training_run(tmp_path / "straight", tiny_model, method="frozen", batch_tokens=64)
        assert run(train_reward, straight) == 0
        texts: list[int] = []
        real = feature_table.read_features

        def count(model: Any, way: str, groups: Any, readout: Readout) -> torch.Tensor:
            texts.append(sum(map(len, groups)))
            return real(model, way, groups, readout)

        monkeypatch.setattr(feature_table, "read_features", count)
        broken = training_run(tmp_path / "broken", tiny_model, method="frozen", batch_tokens=64)
        interrupted = RunDir(broken)
        monkeypatch.setattr(
            interrupted,
            "check_cancelled",
            lambda: (
                setattr(interrupted, "cancel_asked", len(texts) > 20)
                or RunDir.check_cancelled(interrupted)
            ),
        )
        with pytest.raises(ProgramCancelled):
            train_reward.main(interrupted)
        assert 0 < sum(texts) < 80
        assert run(train_reward, broken) == 0
        assert sum(texts) <= 80 + 8, "at most the shard that was being read"
        for file in ("model/reward_head.safetensors", "predictions.jsonl"):
            assert (broken / file).read_bytes() == (straight / file).read_bytes()

    def test_a_damaged_shard_is_read_again(self, tiny_model: Path, tmp_path: Path) -> None:
        file = tmp_path / "0.pt"
        feature_table.keep_shard(file, "this run", torch.ones(3, 2, 4))
        assert torch.equal(feature_table.load_shard(file, "this run", 3), torch.ones(3, 2, 4))
        assert feature_table.load_shard(file, "another run", 3) is None
        file.write_bytes(file.read_bytes()[:-50])
        assert feature_table.load_shard(file, "this run", 3) is None

    def test_adapters_are_refused(self, tiny_model: Path, tmp_path: Path) -> None:
        folder = training_run(tmp_path / "run", tiny_model, method="frozen", adapter="lora")
        assert "no use for adapters" in error_of(train_reward, folder)

    def test_members_and_a_curve_share_the_features(self, tiny_model: Path, tmp_path: Path) -> None:
        rows = preferences(60)
        folder = training_run(
            tmp_path / "run", tiny_model, rows, method="frozen", members=2, learning_curve=[0.5]
        )
        assert run(train_reward, folder) == 0
        result = read(folder / "result.json")
        assert result["members"] == ["model", "members/1"]
        assert [point["fraction"] for point in result["learning_curve"]] == [0.5, 1.0]
        assert (folder / "members" / "1" / "reward_head.json").is_file()
        row = lines(folder / "predictions.jsonl")[0]
        assert len(row["members_chosen"]) == 2
        assert row["members_chosen"][0] != row["members_chosen"][1]


def test_runs_share_their_token_ids(tiny_model: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "tokens")
    first, second = (
        training_run(tmp_path / name, tiny_model, epochs=1, token_cache=cache)
        for name in ("first", "second")
    )
    without = training_run(tmp_path / "without", tiny_model, epochs=1)
    assert [run(train_reward, folder) for folder in (first, second, without)] == [0, 0, 0]
    assert any((tmp_path / "tokens").iterdir())
    weights = [(f / "model" / "model.safetensors").read_bytes() for f in (first, second, without)]
    assert weights[0] == weights[1] == weights[2]
