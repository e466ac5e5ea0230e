"""Chat templates that print the date: one date for good, whatever the clock says."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import chat_template_utils

from modeling.core import sample, score, train_reward
from modeling.core.fitting import finish as reward_finish
from modeling.core.texts.template_date import pin_date, pinned
from modeling.run_data.shared import DEFAULT_DATE
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    read,
    run,
    training_run,
)
from tests.tiny_model import CHAT_TEMPLATE, build_tiny_model

DATED = CHAT_TEMPLATE.replace(
    "{{ bos_token }}", "{{ bos_token }}Today is {{ strftime_now('%A, %d %B %Y') }}.\n"
)
CHAT = [*messages("Hello"), {"role": "assistant", "content": "Hi."}]


class Clock(datetime):
    """What transformers asks for the time; every question takes a day."""

    moment = datetime(2026, 3, 1, 23, 59)

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        cls.moment += timedelta(days=1)
        return cls.moment


@pytest.fixture
def _days_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template_utils, "datetime", Clock)


@pytest.fixture
def dated(tmp_path: Path) -> Path:
    folder = build_tiny_model(tmp_path / "dated")
    (folder / "chat_template.jinja").write_text(DATED)
    return folder


def rendered(tokenizer: PreTrainedTokenizerBase, template: str) -> str:
    return str(tokenizer.apply_chat_template(CHAT, chat_template=template, tokenize=False))


@pytest.mark.parametrize(
    "template",
    [
        DATED,
        "{% if strftime_now is defined %}{% set d = strftime_now('%d %b %Y') %}{% endif %}{{ d }}",
        "\n {%- macro day() %}\n{{ 'On ' + strftime_now(\"%Y-%m-%d\") }}{% endmacro %}{{ day() }}",
        "  {% for m in messages %}{{ m.role }}{{ strftime_now('%B %-d, %H:%M %%d') }}{% endfor %}",
        "{% set f = '%' + 'j' %}{{ strftime_now(format=f) }}",
    ],
)
def test_a_pinned_template_prints_what_the_template_printed_on_that_day(
    template: str, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ThatDay(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2024, 7, 26, 12)

    monkeypatch.setattr(chat_template_utils, "datetime", ThatDay)
    on_that_day = rendered(tokenizer, template)
    monkeypatch.setattr(chat_template_utils, "datetime", Clock)
    assert rendered(tokenizer, pinned(template, "2024-07-26")) == on_that_day


def test_a_date_stays_where_it_was_pinned_before(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = DATED
    assert "2020-01-31" in (pin_date(tokenizer, "2020-01-31") or "")
    assert pin_date(tokenizer, "2021-01-01") is None
    assert "31 January 2020" in rendered(tokenizer, str(tokenizer.chat_template))


def test_a_template_without_a_date_is_left_as_it_is(tokenizer: PreTrainedTokenizerBase) -> None:
    assert pin_date(tokenizer, DEFAULT_DATE) is None
    assert tokenizer.chat_template == CHAT_TEMPLATE


@pytest.mark.usefixtures("_days_go_by")
def test_trainings_that_share_a_token_cache_succeed_while_days_go_by(
    dated: Path, tmp_path: Path
) -> None:
    results = []
    for name in ("first", "second"):
        folder = training_run(
            tmp_path / name, dated, epochs=1, token_cache=str(tmp_path / "tokens")
        )
        assert run(train_reward, folder) == 0
        results.append(read(folder / "result.json"))
    assert results[0]["accuracy"] == results[1]["accuracy"]
    assert any(DEFAULT_DATE in warning for warning in results[0]["warnings"])


@pytest.mark.usefixtures("_days_go_by")
def test_the_saved_folder_reads_alike_in_plain_transformers_on_any_day(
    dated: Path, tmp_path: Path
) -> None:
    folder = training_run(tmp_path / "run", dated, epochs=1, template_date="2026-02-03")
    assert run(train_reward, folder) == 0
    saved = AutoTokenizer.from_pretrained(folder / "model")
    texts = {str(saved.apply_chat_template(CHAT, tokenize=False)) for _ in range(3)}
    assert len(texts) == 1
    assert "Tuesday, 03 February 2026" in texts.pop()


@pytest.mark.usefixtures("_days_go_by")
def test_a_model_scores_alike_on_two_days(
    tiny_reward_model: Path, dated: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "foreign"
    folder.mkdir()
    for file in tiny_reward_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "chat_template.jinja").write_text(DATED)
    rows = [{"id": "1", "prompt": messages("Hello"), "response": "Hi."}]
    rewards = []
    for name in ("monday", "tuesday"):
        scoring = make_run(tmp_path / name, rows, "responses.jsonl", reward_models=[str(folder)])
        assert run(score, scoring) == 0
        rewards.append(lines(scoring / "scores.jsonl")[0]["reward"])
    assert rewards[0] == rewards[1]


@pytest.mark.usefixtures("_days_go_by")
def test_a_policy_writes_alike_on_two_days(dated: Path, tmp_path: Path) -> None:
    rows = [{"id": "1", "prompt": messages("Hello")}]
    texts = []
    for name in ("monday", "tuesday"):
        sampling = make_run(
            tmp_path / name, rows, "prompts.jsonl", policy=str(dated), max_new_tokens=8
        )
        assert run(sample, sampling) == 0
        texts.append([row["text"] for row in lines(sampling / "samples.jsonl")])
    assert texts[0] == texts[1]


def test_a_date_that_is_none_is_refused(dated: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", dated, template_date="26 July")
    assert "template_date" in error_of(train_reward, folder)


def test_a_model_that_reads_other_tokens_is_set_aside_with_its_figures(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = reward_finish.save_model

    def with_another_template(model: Any, tokenizer: Any, folder: Path, *further: Any) -> None:
        save(model, tokenizer, folder, *further)
        file = folder / "chat_template.jinja"
        file.write_text(file.read_text().replace("bos_token }}", "bos_token }}Hello", 1))

    monkeypatch.setattr(reward_finish, "save_model", with_another_template)
    folder = training_run(tmp_path / "run", tiny_model, epochs=1)
    said = error_of(train_reward, folder)
    assert "other tokens" in said
    assert "set-aside/model" in said
    assert not (folder / "model").exists()
    aside = folder / "set-aside" / "model"
    assert (aside / "model.safetensors").is_file()
    assert "test" in read(aside / "figures.json")["figures"]["accuracy"]


def test_a_run_whose_model_was_set_aside_ends_well_when_it_is_tried_again(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr("modeling.core.loading.reward_model.PARITY_TOLERANCE", -1.0)
        assert "set-aside/model" in error_of(train_reward, folder)
    assert run(train_reward, folder) == 0
    assert (folder / "model" / "model.safetensors").is_file()
