"""What is no model, or not the one that is meant: refused in words, before anything is lost."""

import json
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modeling.core.loading import adapters, pretrained
from modeling.core.loading.adapters import check_adapter
from modeling.core.loading.aggregation import (
    RewardScale,
    aggregate,
    on_one_scale,
    read_scales,
    same_spread,
    variance,
    write_scales,
)
from modeling.core.loading.bases import refuse_gaps
from modeling.core.loading.foreign import skipped_token, up_to_read
from modeling.core.loading.head_features import add_features, projection
from modeling.core.loading.heads import find_head, load_heads, put_head, take_heads, widen_head
from modeling.core.loading.pretrained import check_source, in_words, refuse_missing
from modeling.core.loading.reward_model import PARITY_BATCH, read_in_batches, switch_dropout_off
from modeling.core.loading.saved_rewards import by_prompt, combine, scale_warning
from modeling.core.loading.sound_weights import refuse_not_finite
from modeling.core.program.errors import ProgramError
from modeling.core.texts.text import Encoded, Tokenized


def refused(source: Any, **how: Any) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        check_source(source, **how)
    return caught.value


@pytest.mark.parametrize("source", ["/nowhere/model", "./model", "../model", "~/model", "a/b/c"])
def test_a_path_that_leads_nowhere_is_not_looked_for_on_the_hub(source: str) -> None:
    assert refused(source).message == f"There is no folder {source}."


def test_a_folder_needs_a_config_and_weights(tmp_path: Path) -> None:
    assert refused("").message == "No model is named."
    assert "it has no config.json" in refused(str(tmp_path)).message
    (tmp_path / "config.json").write_text("{}")
    check_source(str(tmp_path))
    problem = refused(str(tmp_path), weights=True)
    assert "has no weights (no model.safetensors)" in problem.message
    assert "git lfs pull" in problem.hint
    (tmp_path / "pytorch_model-00001-of-00002.bin").touch()
    check_source(str(tmp_path), weights=True)


@pytest.mark.parametrize(
    ("base", "fine"),
    [
        ("org/model", True),
        ("gpt2", True),
        ("/srv/private/model", False),
        ("../other", False),
        ("a/b/c", False),
        ("", False),
        (None, False),
        (["org/model"], False),
    ],
)
def test_an_adapter_may_name_a_model_of_the_hub_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: Any, fine: bool
) -> None:
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({"base_model_name_or_path": base}))
    monkeypatch.setattr(pretrained, "find_adapter_config_file", lambda _source: str(path))
    if fine:
        check_source("org/adapter")
    else:
        assert "is an adapter of a model that is not on" in refused("org/adapter").message


@pytest.mark.parametrize("content", ["[1]", '"text"', "7"])
def test_an_adapter_config_that_is_no_object_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "adapter_config.json").write_text(content)
    path = str(tmp_path / "adapter_config.json")
    monkeypatch.setattr(pretrained, "find_adapter_config_file", lambda _source: path)
    assert "is an adapter" in refused("org/adapter").message


def test_what_cannot_be_asked_about_is_left_to_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(_source: str) -> None:
        raise OSError("no network")

    monkeypatch.setattr(pretrained, "find_adapter_config_file", offline)
    check_source("org/adapter")


def test_loading_errors_are_put_in_words_by_what_they_mean(tmp_path: Path) -> None:
    folder = str(tmp_path)
    pickled = in_words(folder, "model", pickle.UnpicklingError("os.system"))
    assert "which could run code: they were not loaded" in pickled.message
    hub = in_words("org/model", "model", OSError("404 Not Found\nlong page"))
    assert hub.message.endswith("from the Hugging Face Hub: 404 Not Found")
    assert in_words(folder, "tokenizer", ValueError("x")).message.endswith("that can be read.")
    damaged = in_words(folder, "model", ValueError(""))
    assert damaged.message == f"The model in {folder} could not be read: ValueError: ValueError('')"


def test_weights_that_are_missing_are_counted_and_three_are_named() -> None:
    refuse_missing("m", [])
    with pytest.raises(ProgramError, match=r"The weights of m lack 4 tensors .*\(a, b, c \.\.\.\)"):
        refuse_missing("m", {"d", "c", "b", "a"})


class Classifier(nn.Module):
    base_model_prefix = "trunk"

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.trunk = nn.Linear(3, 3)
        self.base_model = self.trunk
        self.score = nn.Linear(3, outputs)


def test_a_new_head_may_lack_its_weights_and_a_trunk_may_not() -> None:
    model: Any = Classifier()
    refuse_gaps("m", model, ["score.weight", "pre.dense.weight", "trunk.pooler.w"], is_new=True)
    with pytest.raises(ProgramError, match="lack 1 tensors"):
        refuse_gaps("m", model, ["score.weight", "trunk.layer.weight"], is_new=True)
    with pytest.raises(ProgramError, match="lack 1 tensors"):
        refuse_gaps("m", model, ["pre.dense.weight"], is_new=False)
    model.base_model = model
    with pytest.raises(ProgramError, match="lack 1 tensors"):
        refuse_gaps("m", model, ["anything"], is_new=True)


def test_weights_that_are_no_numbers_are_named() -> None:
    model = Classifier()
    refuse_not_finite("m", model)
    with torch.no_grad():
        model.trunk.bias[1] = torch.inf
        model.score.weight[0, 0] = torch.nan
    with pytest.raises(ProgramError) as caught:
        refuse_not_finite("m", model)
    assert caught.value.where == "m: trunk.bias"
    assert "trunk.bias and 1 more hold NaN or infinity" in caught.value.message


def test_qlora_says_all_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "find_spec", lambda _name: None)
    with pytest.raises(ProgramError, match="a CUDA GPU and the package bitsandbytes, which this"):
        check_adapter("qlora", torch.device("cpu"))
    with pytest.raises(ProgramError, match="QLoRA needs the package bitsandbytes, which this"):
        check_adapter("qlora", torch.device("cuda"))
    monkeypatch.setattr(adapters, "find_spec", lambda _name: object())
    check_adapter("qlora", torch.device("cuda"))
    check_adapter("lora", torch.device("cpu"))


def test_the_head_is_the_last_layer_with_so_many_outputs() -> None:
    model: Any = Classifier()
    assert find_head(model)[0] == "score"
    assert find_head(model, 3)[0] == "trunk"
    with pytest.raises(ProgramError, match="Classifier has no linear head with one output"):
        find_head(model, 7)


def test_the_mean_of_the_heads_is_what_a_plain_model_has() -> None:
    model: Any = Classifier()
    x = torch.randn(5, 3)
    before = model.score(x)
    assert widen_head(model, 4, 0, None) == "score"
    assert torch.allclose(model.score(x), before.expand(-1, 4)), (
        "all begin as the one that is there"
    )
    wide: Any = Classifier()
    widen_head(wide, 4, 0, 0.5)
    rows = wide.score.weight
    assert len({tuple(row.tolist()) for row in rows}) == 4, "new ones are drawn each on its own"
    each = wide.score(x)
    heads = take_heads(wide, "score")
    assert heads["weight"].shape == (4, 3)
    assert torch.allclose(wide.score(x)[:, 0], each.mean(1), atol=1e-6)


def test_heads_beside_another_model_are_refused(tmp_path: Path) -> None:
    model: Any = Classifier()
    assert load_heads(tmp_path, model) == 1, "a folder without any"
    mean, bias = model.score.weight.detach(), model.score.bias.detach()
    weights = {"weight": torch.cat([mean + 1, mean - 1]), "bias": bias.repeat(2)}
    save_file(weights, tmp_path / "heads.safetensors")
    assert load_heads(tmp_path, model, 3) == 1, "another number than is asked for"
    assert load_heads(tmp_path, model) == 2
    put_head(model, "score", {"weight": mean + 0.5, "bias": bias})
    with pytest.raises(ProgramError, match="does not fit the model beside it"):
        load_heads(tmp_path, model)
    (tmp_path / "heads.safetensors").write_bytes(b"cut")
    with pytest.raises(ProgramError, match="does not fit the model beside it"):
        load_heads(tmp_path, model)


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", '{"members": 3}', '{"members": [{"mean": 0}]}', '{"members": []}'),
        *('{"members": [{"mean": 0, "std": 0}]}', '{"members": [{"mean": NaN, "std": 1}]}'),
        '{"members": [{"mean": 0, "std": 1}, {"mean": 0, "std": 1}]}',
    ],
)
def test_a_scale_that_cannot_be_is_refused(tmp_path: Path, content: str) -> None:
    assert read_scales(tmp_path, 1) is None
    (tmp_path / "reward_scale.json").write_text(content)
    with pytest.raises(ProgramError, match="does not fit the model beside it"):
        read_scales(tmp_path, 1)


def test_scales_come_back_as_they_were_written(tmp_path: Path) -> None:
    scales = [RewardScale(1.25, 0.5), RewardScale(-3.0, 2.0)]
    write_scales(tmp_path, scales, 10)
    assert read_scales(tmp_path, 2) == scales
    assert same_spread(scales) == [RewardScale(1.25, 1.25), RewardScale(-3.0, 1.25)]


def test_members_are_put_on_the_scale_of_the_average_one() -> None:
    """(r - 1) / 2 * 3 + 3 and (r - 5) / 4 * 3 + 3."""
    rewards = torch.tensor([[1.0, 5.0], [3.0, 1.0]])
    scaled = on_one_scale(rewards, [RewardScale(1.0, 2.0), RewardScale(5.0, 4.0)])
    assert scaled.tolist() == [[3.0, 3.0], [6.0, 0.0]]
    assert on_one_scale(rewards, None) is rewards
    with pytest.raises(ValueError, match="3 scales for 2 members"):
        on_one_scale(rewards, [RewardScale()] * 3)


def test_members_are_combined_in_three_ways_and_no_other() -> None:
    rewards = torch.tensor([[1.0, 3.0]])
    assert aggregate(rewards).item() == 2.0
    assert aggregate(rewards, "wco").item() == 1.0
    assert aggregate(rewards, "uwo", 0.5).item() == 1.5
    assert variance(torch.empty(0, 3)).shape == (0,)
    with pytest.raises(ValueError, match="no way to aggregate: 'max'"):
        aggregate(rewards, "max")


def test_one_folder_without_a_scale_leaves_all_as_they_are() -> None:
    rewards = [torch.tensor([[1.0]]), torch.tensor([[9.0]])]
    scales = [[RewardScale(0.0, 1.0)], [RewardScale(8.0, 1.0)]]
    assert combine(rewards, scales, "mean", 0.0).members.tolist() == [[5.0, 5.0]]
    assert combine(rewards, [scales[0], None], "mean", 0.0).members.tolist() == [[1.0, 9.0]]
    assert scale_warning(["a", "b"], scales) is None
    assert scale_warning(["a"], [None]) is None, "a single one is compared to none"
    sentence = scale_warning(["a", "b"], [scales[0], None])
    assert sentence is not None and sentence.startswith("b has no reward_scale.json:")


def test_values_are_grouped_by_prompt_in_the_order_of_their_coming() -> None:
    a, b = (("user", "a"),), (("user", "b"),)
    assert by_prompt([(a, "1"), (b, "2"), (a, "3")], [1, 2, 3]) == [[1, 3], [2]]


@pytest.mark.parametrize("width", [3, 8, 9, 40])
def test_distances_stay_when_wide_states_are_made_narrow(width: int) -> None:
    matrix = projection(width, 8)
    assert matrix.shape == (min(width, 8), width)
    unit = width / 8 if width > 8 else 1.0
    assert torch.allclose(matrix @ matrix.T, unit * torch.eye(len(matrix)), atol=1e-4)
    assert torch.equal(matrix, projection(width, 8)), "the same each time"


def test_features_stand_beside_the_rewards_and_change_none() -> None:
    model = Classifier()
    x = torch.randn(4, 3)
    before = model.score(x)
    assert add_features(model) == 1 + 3
    assert torch.allclose(model.score(x), torch.cat([before, x], 1), atol=1e-6)
    model.score = nn.Identity()  # type: ignore[assignment]
    assert add_features(model) is None


def test_a_foreign_model_reads_the_last_token_that_is_not_its_padding() -> None:
    assert up_to_read(Tokenized([5, 6, 0, 0], 2), 0) == Tokenized([5, 6], 2)
    assert up_to_read(Tokenized([5, 0, 0], 3), 0) == Tokenized([5], 1)
    assert up_to_read(Tokenized([0, 0], 0), 0) == Tokenized([0], 0), "one is left"
    assert up_to_read(Tokenized([5, 0], 1), None) == Tokenized([5, 0], 1)
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(pad_token_id=[0]))
    model: Any = Classifier()
    model.config = config
    assert skipped_token(model) is None
    model.score = nn.Identity()
    assert skipped_token(model) is None


@pytest.mark.parametrize("count", [1, 2, 3, 11, 40])
def test_every_text_is_read_once_the_shortest_beside_the_longest(count: int) -> None:
    texts = [Encoded([at] * (1 + at * 7 % count), 0, False) for at in range(count)]
    batches: list[list[int]] = []

    def read(batch: Any) -> torch.Tensor:
        batches.append([text.ids[0] for text in batch])
        return torch.tensor([float(text.ids[0]) for text in batch])

    assert read_in_batches(read, texts).tolist() == list(map(float, range(count)))
    assert max(map(len, batches)) <= PARITY_BATCH
    lengths = [len(texts[at].ids) for at in batches[0]]
    assert (min(lengths), max(lengths)) == (1, max(len(text.ids) for text in texts))


def test_dropout_is_off_wherever_it_is_kept() -> None:
    layer: Any = nn.Module()
    layer.drop, layer.attention_dropout, layer.dropout_prob = nn.Dropout(0.3), 0.1, 0.2
    switch_dropout_off(layer)
    assert (layer.drop.p, layer.attention_dropout, layer.dropout_prob) == (0.0, 0.0, 0.0)
