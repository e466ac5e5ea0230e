"""Prompts that a chat template refuses: fitted where there is a convention, else left out by name,
and prompts that are cut without losing what they begin with."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from modeling.core import sample, score, train_policy, train_reward
from modeling.core.texts.text import encode_prompts, render_prompt
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    preference,
    preferences,
    read,
    run,
    training_run,
)
from tests.tiny_model import CHAT_TEMPLATE, build_tiny_tokenizer

NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}{% endfor %}"
)
SILENT = CHAT_TEMPLATE.replace(
    "{% for message in messages %}",
    "{% for message in messages if message['role'] in ('user', 'assistant') %}",
)
SYSTEM = {"role": "system", "content": "Be brief."}
TOOL = [*messages("Hi"), {"role": "tool", "content": "It rains."}]


def with_template(model: Path, folder: Path, template: str) -> Path:
    """The model's folder with another chat template."""
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).symlink_to(file)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = template
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    for name in ("tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def strict_model(tiny_model: Path, tmp_path: Path) -> Path:
    return with_template(tiny_model, tmp_path / "strict", NO_SYSTEM + CHAT_TEMPLATE)


def rendered(template: str, *prompt: tuple[str, ...]) -> str:
    tokenizer = build_tiny_tokenizer()
    tokenizer.chat_template = template
    return render_prompt(tokenizer, prompt)


class TestFitting:
    def test_a_system_message_that_is_refused_goes_before_the_first_user_message(self) -> None:
        text = rendered(NO_SYSTEM + CHAT_TEMPLATE, ("system", "Be brief."), ("user", "Hi"))
        assert "<|user|>\nBe brief.\n\nHi" in text

    def test_a_system_message_that_would_be_dropped_goes_before_the_first_user_message(
        self,
    ) -> None:
        text = rendered(SILENT, ("system", "Be brief."), ("user", "Hi"))
        assert "<|user|>\nBe brief.\n\nHi" in text

    def test_messages_of_one_role_in_a_row_become_one_where_they_have_to(self) -> None:
        prompt = (("user", "One"), ("user", "Two"))
        assert "<|user|>\nOne\n\nTwo" in rendered(NO_SYSTEM + CHAT_TEMPLATE, *prompt)
        assert "<|user|>\nOne<|end|>" in rendered(CHAT_TEMPLATE, *prompt)

    def test_what_is_taken_stays_as_it_is(self) -> None:
        assert "<|system|>\nBe brief." in rendered(
            CHAT_TEMPLATE, ("system", "Be brief."), ("user", "Hi")
        )

    def test_a_prompt_with_tools_is_fitted_with_them(self) -> None:
        template = "{% if not tools %}{{ raise_exception('No tools') }}{% endif %}" + CHAT_TEMPLATE
        tools = ("\x00options", "", '{"tools":[{"type":"function"}]}')
        assert "Hi" in rendered(template, tools, ("user", "Hi"))


class TestLeavingOut:
    def test_a_training_goes_on_without_what_is_refused_and_names_it(
        self, strict_model: Path, tmp_path: Path
    ) -> None:
        rows = [*preferences(20), preference(99, prompt=TOOL)]
        rows[0]["prompt"] = [SYSTEM, *rows[0]["prompt"]]
        folder = training_run(tmp_path / "run", strict_model, rows, epochs=1, min_dev=99)
        assert run(train_reward, folder) == 0
        result = read(folder / "result.json")
        assert [(row["line"], row["id"]) for row in result["left_out"]] == [(21, "p99")]
        said = " ".join(result["warnings"])
        assert "1 of 21 comparisons was left out" in said
        assert "p99 in line 21" in said
        assert "1 prompt is written in other roles" in said

    def test_a_training_of_which_nothing_is_left_is_refused(
        self, strict_model: Path, tmp_path: Path
    ) -> None:
        rows = [preference(number, prompt=TOOL) for number in range(3)]
        assert "refuses every prompt" in error_of(
            train_reward, training_run(tmp_path / "run", strict_model, rows)
        )

    def test_scores_lack_what_is_refused_and_the_result_names_it(
        self, tiny_reward_model: Path, tmp_path: Path
    ) -> None:
        model = with_template(tiny_reward_model, tmp_path / "m", NO_SYSTEM + CHAT_TEMPLATE)
        rows: list[dict[str, Any]] = [
            {"id": "a", "prompt": messages("Hi"), "response": "Hello"},
            {"id": "b", "prompt": TOOL, "response": "Hello"},
        ]
        folder = make_run(tmp_path / "run", rows, "responses.jsonl", reward_models=[str(model)])
        assert run(score, folder) == 0
        assert [row["id"] for row in lines(folder / "scores.jsonl")] == ["a"]
        assert [row["id"] for row in read(folder / "result.json")["left_out"]] == ["b"]

    def test_a_policy_answers_the_other_prompts(self, strict_model: Path, tmp_path: Path) -> None:
        rows = [{"id": "a", "prompt": messages("Hi")}, {"id": "b", "prompt": TOOL}]
        folder = make_run(
            tmp_path / "run", rows, "prompts.jsonl", policy=strict_model, n=1, max_new_tokens=2
        )
        assert run(sample, folder) == 0
        assert {row["id"] for row in lines(folder / "samples.jsonl")} == {"a"}
        assert [row["id"] for row in read(folder / "result.json")["left_out"]] == ["b"]

    def test_a_policy_learns_from_the_other_preferences(
        self, strict_model: Path, tmp_path: Path
    ) -> None:
        rows = [*preferences(20), preference(99, prompt=TOOL)]
        folder = make_run(
            tmp_path / "run", rows, "preferences.jsonl", policy=strict_model, algorithm="dpo"
        )
        assert run(train_policy, folder) == 0
        assert [row["id"] for row in read(folder / "result.json")["left_out"]] == ["p99"]


def test_a_prompt_that_is_cut_keeps_the_token_it_begins_with() -> None:
    tokenizer = build_tiny_tokenizer()
    (whole,) = encode_prompts(tokenizer, [(("user", "word " * 50),)], 999)
    (cut,) = encode_prompts(tokenizer, [(("user", "word " * 50),)], 20)
    assert cut.ids == [tokenizer.bos_token_id, *whole.ids[-19:]]
    assert cut.truncated
