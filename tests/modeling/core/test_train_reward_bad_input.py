"""What can be wrong with a training run, and what the run says about it."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedModel

from modeling.core import train_reward
from modeling.core.fitting import finish as reward_finish
from modeling.core.fitting import step
from modeling.core.loading import reward_model
from modeling.core.program import checkpoint
from modeling.core.program.errors import OUT_OF_MEMORY
from modeling.core.program.run_dir import run_program
from modeling.core.program.seal import read_result
from modeling.core.reward import objective
from tests.modeling.core.factories import (
    error_of,
    lines,
    preference,
    preferences,
    read,
    run,
    training_run,
    write_lines,
)


@pytest.fixture
def base(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to break."""
    return Path(shutil.copytree(tiny_model, tmp_path / "base"))


def test_a_folder_without_weights(base: Path, tmp_path: Path) -> None:
    (base / "model.safetensors").unlink()
    assert "has no weights" in error_of(train_reward, training_run(tmp_path / "r", base))


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    said = error_of(train_reward, training_run(tmp_path / "r", tmp_path / "gone"))
    assert "There is no folder" in said
    assert "moved or deleted" in said


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no config.json" in error_of(
        train_reward, training_run(tmp_path / "r", tmp_path / "empty")
    )


def test_a_hub_id_that_cannot_be_reached(tmp_path: Path) -> None:
    said = error_of(train_reward, training_run(tmp_path / "r", Path("nobody/no-such-model")))
    assert "Hugging Face Hub" in said
    assert "network" in said


def test_truncated_weights(base: Path, tmp_path: Path) -> None:
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "could not be read" in error_of(train_reward, training_run(tmp_path / "r", base))


def test_weights_with_missing_layers(base: Path, tmp_path: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    said = error_of(train_reward, training_run(tmp_path / "r", base))
    assert "lack 1 tensors" in said
    assert "layers.1.mlp.up_proj" in said


def test_a_corrupt_model_config(base: Path, tmp_path: Path) -> None:
    (base / "config.json").write_text("{")
    error_of(train_reward, training_run(tmp_path / "r", base))


def test_no_tokenizer(base: Path, tmp_path: Path) -> None:
    for file in base.glob("*token*"):
        file.unlink()
    said = error_of(train_reward, training_run(tmp_path / "r", base))
    assert "tokenizer" in said


def test_no_pad_no_eos_no_template_is_made_up_for(base: Path, tmp_path: Path) -> None:
    """The vocabulary grows, and the saved folder carries tokens and format."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.eos_token = tokenizer.chat_template = None
    (base / "chat_template.jinja").unlink(missing_ok=True)
    settings = read(base / "tokenizer_config.json")
    for key in ("pad_token", "eos_token"):
        settings.pop(key)
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    folder = training_run(tmp_path / "r", base, epochs=1)
    assert run(train_reward, folder) == 0
    saved = AutoTokenizer.from_pretrained(folder / "model")
    assert saved.pad_token_id != saved.eos_token_id
    assert saved.chat_template is not None
    assert any("fallback format" in warning for warning in read(folder / "result.json")["warnings"])


def test_an_encoder_is_a_base_model_too(base: Path, tmp_path: Path) -> None:
    """BERT pools in its own way and its checkpoint has no head and perhaps no pooler."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    folder = training_run(tmp_path / "r", tmp_path / "bert", learning_rate=2e-3)
    assert run(train_reward, folder) == 0
    assert read(folder / "result.json")["accuracy"]["train"]["value"] > 0.9


def test_a_prompt_longer_than_the_context_is_cut_counted_and_kept(
    tiny_model: Path, tmp_path: Path
) -> None:
    """Its beginning is lost, its responses are not: the two still have different rewards."""
    rows = [preference(n, split="train" if n else "test") for n in range(8)]
    rows[0]["prompt"] = [{"role": "user", "content": "word " * 400}]
    folder = training_run(tmp_path / "r", tiny_model, rows, max_length=64)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert result["truncated"] == 2
    (said,) = [warning for warning in result["warnings"] if "max_length" in warning]
    assert "Of 16 texts (prompt and response), 2 lost the beginning of their prompt and 0 " in said
    assert "only 64 tokens are read. Raise max_length" in said
    by_id = {row["id"]: row for row in lines(folder / "predictions.jsonl")}
    assert len(by_id) == 8
    assert by_id["p0"]["reward_chosen"] > by_id["p0"]["reward_rejected"]


def test_contradictory_duplicates_are_counted_and_learned_as_a_tie(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = [preference(n) for n in range(8)]
    rows += [
        preference(n, id=f"again{n}", chosen=row["rejected"], rejected=row["chosen"])
        for n, row in enumerate(rows)
    ]
    folder = training_run(tmp_path / "r", tiny_model, rows)
    assert run(train_reward, folder) == 0
    said = read(folder / "result.json")["warnings"]
    assert any("8 of them with opposite answers" in warning for warning in said)
    margins = [
        row["reward_chosen"] - row["reward_rejected"] for row in lines(folder / "predictions.jsonl")
    ]
    assert max(abs(margin) for margin in margins) < 0.5


def test_no_train_split(tiny_model: Path, tmp_path: Path) -> None:
    rows = [preference(n, split="test") for n in range(4)]
    said = error_of(train_reward, training_run(tmp_path / "r", tiny_model, rows))
    assert "train split is empty" in said
    assert "Label more" in error_of(train_reward, training_run(tmp_path / "e", tiny_model, []))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "p0"}, "repeats the id 'p0'"),
        ({"prompt": "text"}, "list of messages"),
        ({"prompt": [{"role": "user"}]}, "message without"),
        ({"chosen": None}, '"chosen"'),
        ({"target": 1.5}, "target 1.5"),
        ({"weight": "high"}, "weight 'high'"),
        ({"split": "validation"}, "split 'validation'"),
        ({"colour": 1}, "unknown field 'colour'"),
    ],
)
def test_a_bad_line_is_named(
    tiny_model: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    rows = [preference(0), preference(1, **change)]
    said = error_of(train_reward, training_run(tmp_path / "r", tiny_model, rows))
    assert words in said
    assert "preferences.jsonl:2" in said


def test_a_line_that_is_no_json_is_named(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "r", tiny_model)
    with (folder / "preferences.jsonl").open("a") as file:
        file.write('{"id": "cut o')
    assert "Line 41 of preferences.jsonl is not JSON" in error_of(train_reward, folder)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"learning_rte": 1}, "unknown key 'learning_rte'"),
        ({"learning_rate": -1}, "'learning_rate' must be null or a number, above 0, not -1."),
        ({"batch_size": True}, "'batch_size' must be a whole number from 1 to 4,096, not true."),
        ({"max_length": 2}, "'max_length' must be null or a whole number from 8 to 131,072"),
        ({"device": "tpu"}, '"auto", "cpu" or "cuda", not "tpu"'),
        ({"dtype": "int4"}, '"auto", "float32" or "bfloat16", not "int4"'),
        ({"threads": 0}, "'threads' must be null or a whole number from 1, not 0."),
    ],
)
def test_a_bad_setting_is_named(
    tiny_model: Path, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    assert words in error_of(train_reward, training_run(tmp_path / "r", tiny_model, **config))


def test_a_run_folder_without_config_or_input(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert "config.json is missing" in error_of(train_reward, tmp_path / "bare")
    folder = training_run(tmp_path / "r", tiny_model)
    (folder / "preferences.jsonl").unlink()
    assert "preferences.jsonl is missing" in error_of(train_reward, folder)
    assert run_program(train_reward.main, [str(tmp_path / "nowhere")]) == 2
    assert run_program(train_reward.main, []) == 2


def test_strange_texts_are_trained_on_and_long_ones_counted(
    tiny_model: Path, tmp_path: Path
) -> None:
    odd = ["", "x" * 200_000, "مرحبا", "🙂👩‍👩‍👧", "<script>alert(1)</script>", "<|end|><|pad|>"]
    rows = [preference(n, rejected=text) for n, text in enumerate(odd)]
    folder = training_run(tmp_path / "r", tiny_model, rows, epochs=1, max_length=64)
    assert run(train_reward, folder) == 0
    assert read(folder / "result.json")["truncated"] == 1


def test_rows_that_teach_nothing_are_left_out_and_said(tiny_model: Path, tmp_path: Path) -> None:
    rows = [*preferences(10), preference(90, rejected="a", chosen="a"), preference(91, weight=0)]
    rows.append(preference(0, id="leak", split="test"))
    folder = training_run(tmp_path / "r", tiny_model, rows, epochs=1)
    assert run(train_reward, folder) == 0
    said = " ".join(read(folder / "result.json")["warnings"])
    assert "2 comparisons were left out" in said
    assert "1 prompts are in more than one split" in said
    assert len(lines(folder / "predictions.jsonl")) == 11


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_batch(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter(range(1, 100))
    plain = objective.bradley_terry

    def poisoned(delta: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return plain(delta, *rest) * (float("nan") if next(steps) == 4 else 1.0)

    folder = training_run(tmp_path / "r", tiny_model, checkpoint_seconds=0)
    with monkeypatch.context() as patch:
        patch.setattr(objective, "bradley_terry", poisoned)
        said = error_of(train_reward, folder)
    assert "no longer a finite number at step 4" in said
    assert "comparisons p" in said
    assert torch.load(folder / "checkpoint" / "state.pt")["loop"]["step"] == 3
    assert run(train_reward, folder) == 0
    assert not (folder / "error.json").exists()


def test_a_first_step_that_is_no_number_is_not_laid_on_the_learning_rate(
    base: Path, tmp_path: Path
) -> None:
    tensors = load_file(base / "model.safetensors")
    tensors["model.norm.weight"].fill_(3e38)
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    said = error_of(train_reward, training_run(tmp_path / "r", base))
    assert "at step 1" in said
    assert "no learning rate is to blame" in said


def test_a_loss_that_explodes_stops_the_run_before_it_spoils_the_weights(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A margin of 3 x 10 that the untrained model misses costs 30 per comparison."""
    monkeypatch.setattr(step, "EXPLODED", 20.0)
    rows = [preference(n, strength=3) for n in range(16)]
    folder = training_run(tmp_path / "r", tiny_model, rows, strength_margin=10)
    said = error_of(train_reward, folder)
    assert "The loss has exploded at step 1" in said
    assert "comparisons p" in said


def test_features_that_are_no_numbers_are_named_as_the_cause(base: Path, tmp_path: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    tensors["model.layers.0.mlp.up_proj.weight"].fill_(3e38)
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    said = error_of(train_reward, training_run(tmp_path / "r", base, method="frozen"))
    assert "The base model gives features that are not finite numbers for 80 of 80" in said
    assert "weights may be damaged" in said


@pytest.mark.parametrize("method", ["finetune", "frozen"])
def test_weights_that_are_no_numbers_are_named(base: Path, tmp_path: Path, method: str) -> None:
    tensors = load_file(base / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    tensors["model.norm.weight"][0] = float("inf")
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    said = error_of(train_reward, training_run(tmp_path / "r", base, method=method))
    assert "model.layers.1.mlp.up_proj.weight and 1 more hold NaN" in said
    assert "learning rate" not in said


def test_a_train_split_of_identical_pairs_is_not_called_empty(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = [preference(n, rejected=f"It is {n + 1}. You are welcome!") for n in range(4)]
    rows += [preference(9, weight=0)]
    said = error_of(train_reward, training_run(tmp_path / "r", tiny_model, rows))
    assert "of 5 in the train split, in 4 both responses are the same text" in said
    assert "1 have weight 0" in said
    assert "is empty" not in said


def test_nothing_but_ties_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    rows = [preference(n, target=0.5) for n in range(8)]
    said = error_of(train_reward, training_run(tmp_path / "r", tiny_model, rows))
    assert "every train comparison is a tie" in said


def test_a_full_disk_keeps_the_last_checkpoint(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third write of the state goes to /dev/full, which has no room by definition."""
    folder = training_run(tmp_path / "r", tiny_model, checkpoint_seconds=0)
    save_state = checkpoint.Checkpoint.save_state
    writes = iter(range(1, 100))

    def fill_up(self: checkpoint.Checkpoint, state: dict[str, Any]) -> None:
        if next(writes) == 3:
            (self.folder / "state.pt.tmp").symlink_to("/dev/full")
        save_state(self, state)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "save_state", fill_up)
        said = error_of(train_reward, folder)
    assert "The disk is full" in said
    assert "Free some space" in said
    assert not (folder / "checkpoint" / "state.pt.tmp").is_symlink()
    step = torch.load(folder / "checkpoint" / "state.pt")["loop"]["step"]
    assert step >= 1
    straight = training_run(tmp_path / "s", tiny_model)
    assert run(train_reward, folder) == run(train_reward, straight) == 0
    weights = [f / "model" / "model.safetensors" for f in (folder, straight)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_full_disk_while_the_model_is_saved_leaves_no_half_model(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(self: PreTrainedModel, folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = training_run(tmp_path / "r", tiny_model, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(PreTrainedModel, "save_pretrained", no_room)
        assert "The disk is full" in error_of(train_reward, folder)
    assert not list(folder.glob("model*"))
    assert run(train_reward, folder) == 0


def test_a_model_that_reloads_to_other_rewards_fails_the_run(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = reward_model.save_model

    def save_something_else(model: PreTrainedModel, *rest: Any) -> None:
        with torch.no_grad():
            model.score.weight += 0.01  # type: ignore[operator,union-attr]
        save(model, *rest)

    monkeypatch.setattr(reward_finish, "save_model", save_something_else)
    folder = training_run(tmp_path / "r", tiny_model, epochs=1)
    assert "gives other rewards than the trained one" in error_of(train_reward, folder)
    assert not list(folder.glob("model*"))


def test_a_checkpoint_cut_short_on_disk_is_replaced_by_a_fresh_start(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = training_run(tmp_path / "r", tiny_model, epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reward_finish, "save_checked", lambda *_: 1 / 0)
        assert "ZeroDivisionError" in error_of(train_reward, folder)
    state = folder / "checkpoint" / "state.pt"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    assert run(train_reward, folder) == 0
    assert "cannot be read" in capsys.readouterr().err


def test_a_checkpoint_of_other_data_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "r", tiny_model, checkpoint_seconds=0, patience=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reward_finish, "save_checked", lambda *_: 1 / 0)
        assert "ZeroDivisionError" in error_of(train_reward, folder)
    write_lines(folder / "preferences.jsonl", preferences(30))
    assert "another config or other input" in error_of(train_reward, folder)


def interrupted(folder: Path) -> Path:
    """A training that fails behind its last step; gives its last state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reward_finish, "save_checked", lambda *_: 1 / 0)
        assert "ZeroDivisionError" in error_of(train_reward, folder)
    return folder / "checkpoint" / "state.pt"


def test_a_checkpoint_with_one_wrong_bit_gives_way_to_the_one_before(
    tiny_model: Path, tmp_path: Path
) -> None:
    """It would load, as other weights. The run says so, and ends as if nothing had been."""
    folder = training_run(tmp_path / "r", tiny_model, checkpoint_seconds=0)
    state = interrupted(folder)
    content = bytearray(state.read_bytes())
    content[len(content) // 3] ^= 16
    state.write_bytes(bytes(content))
    straight = training_run(tmp_path / "s", tiny_model)
    assert run(train_reward, folder) == run(train_reward, straight) == 0
    (said,) = [one for one in read_result(folder).figures["warnings"] if "checkpoint" in one]
    assert said.startswith("The last checkpoint cannot be read: it is not what was written.")
    weights = [f / "model" / "model.safetensors" for f in (folder, straight)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_training_goes_on_from_its_checkpoint_with_smaller_passes(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = training_run(tmp_path / "r", tiny_model, checkpoint_seconds=0)
    interrupted(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"smaller_passes": True}))
    assert run(train_reward, folder) == 0
    assert read_result(folder).figures["config"]["smaller_passes"] is True


def test_memory_that_runs_out_is_told_apart_from_other_failures(
    tiny_model: Path, tmp_path: Path
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    folder = training_run(tmp_path / "r", tiny_model, epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reward_finish, "save_checked", no_memory)
        assert OUT_OF_MEMORY in error_of(train_reward, folder)
