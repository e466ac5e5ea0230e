"""Sampling: repeatable, resumable, independent of the batch, and ended by the right tokens."""

import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from modeling.core import sample
from modeling.core.generating.samples_file import SamplesFile, Wanted
from modeling.core.program.errors import ProgramCancelled
from modeling.core.program.run_dir import EXIT_CANCELLED
from modeling.core.texts.chat_end import find_stop_ids
from tests.modeling.core.factories import error_of, lines, make_run, messages, read, run, start

QUESTIONS = ["Hi", "What is the capital of France?", "How do I boil an egg? " * 3, "Two plus two"]
PROMPTS = [{"id": f"q{n}", "prompt": messages(text)} for n, text in enumerate(QUESTIONS)]


def sampling_run(folder: Path, source: Path, **config: Any) -> Path:
    config = {"policy": source, "n": 3, "max_new_tokens": 16} | config
    return make_run(folder, PROMPTS, "prompts.jsonl", **config)


@pytest.fixture(scope="session")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = sampling_run(tmp_path_factory.mktemp("runs") / "run", tiny_model)
    assert run(sample, folder) == 0
    return folder


def texts(folder: Path) -> dict[tuple[str, int], str]:
    return {(row["id"], row["sample"]): row["text"] for row in lines(folder / "samples.jsonl")}


def test_every_prompt_gets_n_different_responses(finished: Path) -> None:
    written = texts(finished)
    assert written.keys() == {(f"q{n}", k) for n in range(4) for k in range(3)}
    assert len(set(written.values())) == 12
    result = read(finished / "result.json")
    assert result["count"] == 12
    assert result["tokens"] == sum(row["tokens"] for row in lines(finished / "samples.jsonl"))


def test_same_seed_same_bytes_and_another_seed_other_texts(
    finished: Path, tiny_model: Path, tmp_path: Path
) -> None:
    same = sampling_run(tmp_path / "same", tiny_model)
    other = sampling_run(tmp_path / "other", tiny_model, seed=1)
    assert run(sample, same) == run(sample, other) == 0
    assert (same / "samples.jsonl").read_bytes() == (finished / "samples.jsonl").read_bytes()
    assert not set(texts(other).values()) & set(texts(finished).values())


def test_prompts_are_complete_one_after_the_other(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that their pairs can be labeled while the others are still being written."""
    order: list[str] = []
    plain = SamplesFile.add

    def add(self: SamplesFile, one: Wanted, *given: Any) -> bool:
        order.append(one.id)
        return plain(self, one, *given)

    monkeypatch.setattr(SamplesFile, "add", add)
    assert run(sample, sampling_run(tmp_path / "run", tiny_model, batch_tokens=200)) == 0
    last = {prompt: len(order) - order[::-1].index(prompt) for prompt in order}
    assert min(last.values()) <= len(order) / 2


def test_a_response_does_not_depend_on_its_batch(
    finished: Path, tiny_model: Path, tmp_path: Path
) -> None:
    alone = sampling_run(tmp_path / "alone", tiny_model, batch_tokens=1)
    assert run(sample, alone) == 0
    assert texts(alone) == texts(finished)


def test_more_responses_per_prompt_keep_the_first_ones(
    finished: Path, tiny_model: Path, tmp_path: Path
) -> None:
    more = sampling_run(tmp_path / "more", tiny_model, n=5)
    assert run(sample, more) == 0
    assert texts(more).items() >= texts(finished).items()


def test_our_loop_draws_what_the_model_says(tiny_model: Path, tmp_path: Path) -> None:
    """At temperature 0 the tokens are those of transformers' own generate, prompt by prompt."""
    folder = sampling_run(tmp_path / "run", tiny_model, n=1, temperature=0)
    assert run(sample, folder) == 0
    model, tokenizer = (
        kind.from_pretrained(tiny_model) for kind in (AutoModelForCausalLM, AutoTokenizer)
    )
    for row in PROMPTS:
        inputs = tokenizer.apply_chat_template(
            row["prompt"], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        whole = model.generate(**inputs, max_new_tokens=16, do_sample=False)
        new = whole[0, inputs["input_ids"].shape[1] :]
        assert texts(folder)[str(row["id"]), 0] == tokenizer.decode(new, skip_special_tokens=True)


def test_a_stop_token_of_the_generation_config_ends_a_response(
    tiny_model: Path, tmp_path: Path
) -> None:
    """Every token is declared a stop token, so each response is empty and finished."""
    policy = Path(shutil.copytree(tiny_model, tmp_path / "policy"))
    GenerationConfig(eos_token_id=list(range(384))).save_pretrained(policy)
    folder = sampling_run(tmp_path / "run", policy)
    assert run(sample, folder) == 0
    for row in lines(folder / "samples.jsonl"):
        assert (row["text"], row["finished"], row["tokens"]) == ("", True, 0)
    assert read(folder / "result.json")["finished_share"] == 1.0


def test_the_end_of_turn_of_the_template_is_a_stop_token(tiny_model: Path, tmp_path: Path) -> None:
    """A checkpoint whose declared EOS is not what its template writes after a turn."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    end = tokenizer.eos_token
    tokenizer.eos_token = "<|pad|>"
    tokenizer.chat_template = tokenizer.chat_template.replace("{{ eos_token }}", end)
    stop = find_stop_ids(AutoModelForCausalLM.from_pretrained(tiny_model), tokenizer)
    assert tokenizer.convert_tokens_to_ids(end) in stop


@pytest.mark.parametrize("ending", [b"", b'{"id": "q0", "sam'])
def test_a_resumed_run_repeats_nothing_and_misses_nothing(
    finished: Path, tiny_model: Path, tmp_path: Path, ending: bytes
) -> None:
    """Stopped after some lines, one of them perhaps cut short."""
    folder = sampling_run(tmp_path / "run", tiny_model)
    whole = (finished / "samples.jsonl").read_bytes()
    some = b"".join(whole.splitlines(keepends=True)[:5])
    (folder / "samples.jsonl").write_bytes(some + ending)
    assert run(sample, folder) == 0
    assert (folder / "samples.jsonl").read_bytes() == whole
    assert read(folder / "result.json")["count"] == 12


def test_two_policies_are_sampled_one_after_the_other(tiny_model: Path, tmp_path: Path) -> None:
    """The same model under two names: no two texts are the same."""
    policies = {"before": str(tiny_model), "after": str(tiny_model)}
    folder = sampling_run(tmp_path / "run", tiny_model, policy=None, policies=policies)
    assert run(sample, folder) == 0
    rows = lines(folder / "samples.jsonl")
    assert [row["policy"] for row in rows] == ["before"] * 12 + ["after"] * 12
    assert len({row["text"] for row in rows}) == 24
    result = read(folder / "result.json")
    assert (result["count"], result["policies"]["after"]["count"]) == (24, 12)


def test_a_cancelled_run_keeps_its_finished_batches(
    finished: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sampling_run(tmp_path / "run", tiny_model, batch_tokens=300)
    calls = iter(range(1000))

    def cancel(_run: Any) -> None:
        if next(calls) == 20:  # in the middle of the second batch
            raise ProgramCancelled

    with monkeypatch.context() as patch:
        patch.setattr(sample.RunDir, "check_cancelled", cancel)
        assert run(sample, folder) == EXIT_CANCELLED
    written_before = texts(folder)
    assert 0 < len(written_before) < 12
    assert run(sample, folder) == 0
    assert texts(folder) == texts(finished)


def test_sigterm_exits_with_143(tiny_model: Path, tmp_path: Path) -> None:
    folder = sampling_run(tmp_path / "run", tiny_model, n=2000, batch_tokens=500)
    child = start("sample", folder)
    end = time.monotonic() + 60
    while not (folder / "samples.jsonl").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=20)
    assert child.returncode == 143
    assert not (folder / "result.json").exists()


def test_a_prompt_beyond_the_context_is_truncated_and_counted(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = [{"id": "long", "prompt": messages("word " * 2000)}, PROMPTS[0]]
    folder = make_run(
        tmp_path / "r", rows, "prompts.jsonl", policy=tiny_model, n=1, max_new_tokens=8
    )
    assert run(sample, folder) == 0
    assert read(folder / "result.json")["truncated"] == 1


def test_no_prompts_is_a_result_of_nothing(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "r", [], "prompts.jsonl", policy=tiny_model)
    assert run(sample, folder) == 0
    assert read(folder / "result.json")["count"] == 0


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"top_p": 0}, "'top_p' must be a number, at least 0.01, at most 1, not 0."),
        (
            {"temperature": -1},
            "a number, at least 0, at most 100, not -1.",
        ),
        ({"n": 0}, "'n' must be a whole number from 1 to 10,000, not 0."),
        ({"max_new_tokens": 510}, "no room for a prompt"),
        ({"top_k": 5}, "unknown key 'top_k'"),
        ({"policies": {"a": "x", "b": "y"}}, "either 'policy' or 'policies'"),
        ({"policy": None}, "either 'policy' or 'policies'"),
        ({"policies": {"a": "x"}}, "'policies' must be null or two models or more"),
        ({"policy": "http://host/v1"}, "does not name a model"),
    ],
)
def test_a_bad_setting_is_named(
    tiny_model: Path, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    assert words in error_of(sample, sampling_run(tmp_path / "r", tiny_model, **config))


def test_a_policy_without_weights_is_named(tiny_model: Path, tmp_path: Path) -> None:
    policy = Path(shutil.copytree(tiny_model, tmp_path / "policy"))
    (policy / "model.safetensors").unlink()
    assert "has no weights" in error_of(sample, sampling_run(tmp_path / "r", policy))


def test_a_repeated_prompt_id_is_named(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "r", [PROMPTS[0], PROMPTS[0]], "prompts.jsonl", policy=tiny_model)
    assert "repeats the id 'q0'" in error_of(sample, folder)
