"""Prompts whose roles a chat template refuses are fitted to it, or left out by name."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from modeling.core import sample, score, train_policy, train_reward
from modeling.core.program.errors import ProgramError
from modeling.core.texts.text import encode_prompts, render_prompt, render_text
from tests.modeling.core.factories import (
    Row,
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

STRICT = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}"
    "{% endif %}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}<{{ m['role'] }}>{{ m['content'] }}"
    "{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
DEAF = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] in ['system', 'user', 'assistant'] %}"
    "<{{ m['role'] }}>{{ m['content'] }}{{ eos_token }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
WANTS_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('Say who you are') }}{% endif %}"
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SYSTEM = ("system", "Be kind.")
USER = ("user", "Hi")


def prompt_in(template: str, tokenizer: PreTrainedTokenizerBase, *turns: tuple[str, str]) -> str:
    tokenizer.chat_template = template
    return render_prompt(tokenizer, turns)


def test_a_system_message_goes_before_the_first_user_message_where_it_is_refused(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompt = (SYSTEM, USER, ("assistant", "Hello"), ("user", "Bye"))
    assert "<user>Be kind.\n\nHi<|end|>" in prompt_in(STRICT, tokenizer, *prompt)
    text = render_text(tokenizer, (SYSTEM, USER), "Hello")
    assert text.endswith("<user>Be kind.\n\nHi<|end|>\n<assistant>Hello<|end|>")


def test_a_developer_is_a_system_to_templates_that_do_not_know_the_word(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    instruction = ("developer", "Be kind.")
    assert "<system>Be kind.<|end|>" in prompt_in(DEAF, tokenizer, instruction, USER)
    assert "<user>Be kind.\n\nHi" in prompt_in(STRICT, tokenizer, instruction, USER)


def test_two_messages_of_one_role_in_a_row_become_one_where_roles_must_alternate(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    assert "<user>Hi\n\nYou there?<|end|>" in prompt_in(
        STRICT, tokenizer, USER, ("user", "You there?")
    )


def test_what_a_template_takes_is_left_as_it_is(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = (SYSTEM, USER, ("user", "You there?"))
    assert prompt_in(DEAF, tokenizer, *turns) == (
        "<|begin|><system>Be kind.<|end|>\n<user>Hi<|end|>\n<user>You there?<|end|>\n<assistant>"
    )


@pytest.mark.parametrize(
    ("template", "turns", "reason"),
    [
        (STRICT, [("assistant", "Yes?"), USER], "Roles must alternate"),
        (STRICT, [USER, ("tool", "4")], "Roles must alternate"),
        (DEAF, [USER, ("tool", "4")], "does not write the message of the role 'tool'"),
        (WANTS_SYSTEM, [USER], "Say who you are"),
    ],
)
def test_what_no_convention_covers_is_refused_with_the_template_s_own_words(
    tokenizer: PreTrainedTokenizerBase,
    template: str,
    turns: list[tuple[str, str]],
    reason: str,
) -> None:
    with pytest.raises(ProgramError, match=reason):
        prompt_in(template, tokenizer, *turns)


@pytest.fixture
def strict_model(tiny_model: Path, tmp_path: Path) -> Path:
    import shutil

    folder = shutil.copytree(tiny_model, tmp_path / "strict")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = STRICT
    tokenizer.save_pretrained(folder)
    return folder


def refused() -> list[dict[str, str]]:
    return [{"role": "assistant", "content": "Yes?"}, *messages("Hi")]


def with_system() -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be kind."}, *messages("Hi")]


def assert_named(folder: Path, expected: list[tuple[int, str]]) -> None:
    result = read(folder / "result.json")
    assert [(row["line"], row["id"]) for row in result["left_out"]] == expected
    assert all("must alternate" in row["reason"] for row in result["left_out"])
    said = " ".join(result["warnings"])
    assert f"{len(expected)} of" in said
    assert f"{expected[0][1]} in line {expected[0][0]}" in said
    assert "written in other roles" in said


def odd_preferences() -> list[Row]:
    """Forty, one of them with a system message, one with a prompt that nothing can be done for."""
    return [
        preference(100, prompt=refused()),
        *preferences(40),
        preference(101, prompt=with_system()),
    ]


class TestPrograms:
    def test_train_reward(self, strict_model: Path, tmp_path: Path) -> None:
        folder = training_run(tmp_path / "run", strict_model, odd_preferences(), epochs=1)
        assert run(train_reward, folder) == 0
        assert_named(folder, [(1, "p100")])
        ids = [row["id"] for row in lines(folder / "predictions.jsonl")]
        assert "p100" not in ids
        assert len(ids) == 41

    def test_train_reward_of_nothing_but_refused_prompts(
        self, strict_model: Path, tmp_path: Path
    ) -> None:
        rows = [row | {"prompt": refused()} for row in preferences(20)]
        problem = error_of(train_reward, training_run(tmp_path / "run", strict_model, rows))
        assert "refuses every prompt: Roles must alternate" in problem

    def test_score(self, strict_model: Path, tmp_path: Path) -> None:
        folder = training_run(tmp_path / "run", strict_model, epochs=1)
        assert run(train_reward, folder) == 0
        prompts = [messages("Hi"), refused(), with_system()]
        rows = [
            {"id": name, "prompt": prompt, "response": "Hello"}
            for name, prompt in zip("abc", prompts, strict=True)
        ]
        judged = make_run(
            tmp_path / "score", rows, "responses.jsonl", reward_models=[str(folder / "model")]
        )
        assert run(score, judged) == 0
        assert [row["id"] for row in lines(judged / "scores.jsonl")] == ["a", "c"]
        assert_named(judged, [(2, "b")])

    def prompts(self) -> list[dict[str, Any]]:
        fine = [{"id": str(n), "prompt": messages(f"What is {n}?")} for n in range(6)]
        odd = [{"id": "x", "prompt": refused()}, {"id": "y", "prompt": with_system()}]
        return [*odd, *fine]

    def test_sample(self, strict_model: Path, tmp_path: Path) -> None:
        folder = make_run(
            tmp_path / "run", self.prompts(), "prompts.jsonl", policy=str(strict_model), n=1,
            max_new_tokens=4,
        )  # fmt: skip
        assert run(sample, folder) == 0
        ids = [row["id"] for row in lines(folder / "samples.jsonl")]
        assert ids == ["y", *"012345"]
        assert_named(folder, [(1, "x")])

    def test_train_policy(
        self, strict_model: Path, tiny_reward_model: Path, tmp_path: Path
    ) -> None:
        folder = make_run(
            tmp_path / "run", self.prompts(), "prompts.jsonl", algorithm="rloo",
            policy=str(strict_model), reward_models=[str(tiny_reward_model)], steps=1,
            prompts_per_step=2, responses_per_prompt=2, max_new_tokens=4, eval_prompts=2,
        )  # fmt: skip
        assert run(train_policy, folder) == 0
        assert_named(folder, [(1, "x")])

    def test_train_policy_on_preferences(self, strict_model: Path, tmp_path: Path) -> None:
        folder = make_run(
            tmp_path / "run", odd_preferences(), "preferences.jsonl", algorithm="dpo",
            policy=str(strict_model), max_new_tokens=4, eval_prompts=2,
        )  # fmt: skip
        assert run(train_policy, folder) == 0
        assert_named(folder, [(1, "p100")])

    def test_a_template_that_wants_a_system_message_is_tried_out_with_one(
        self, tiny_model: Path, tmp_path: Path
    ) -> None:
        import shutil

        base = shutil.copytree(tiny_model, tmp_path / "base")
        tokenizer = AutoTokenizer.from_pretrained(base)
        tokenizer.chat_template = WANTS_SYSTEM
        tokenizer.save_pretrained(base)
        rows = [{"id": "1", "prompt": with_system()}]
        folder = make_run(
            tmp_path / "run", rows, "prompts.jsonl", policy=str(base), n=1, max_new_tokens=4
        )
        assert run(sample, folder) == 0
        pairs = [row | {"prompt": with_system()} for row in preferences(20)]
        assert run(train_reward, training_run(tmp_path / "train", base, pairs, epochs=1)) == 0


def test_a_prompt_that_is_cut_keeps_its_first_token(tokenizer: PreTrainedTokenizerBase) -> None:
    (prompt,) = encode_prompts(tokenizer, [(("user", "word " * 500),)], 20)
    assert prompt.ids[0] == tokenizer.bos_token_id
    assert len(prompt.ids) == 20
    assert tokenizer.decode(prompt.ids).endswith("<|assistant|>\n")
