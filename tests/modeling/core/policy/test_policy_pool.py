"""The pool of best-of-n on a disk: drawn once, and what is not whole is drawn again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modeling.core.policy import pool as module
from modeling.core.policy.pool import as_row, draw_pool, read_pool
from modeling.core.policy.rollouts import Rollout
from modeling.core.policy.task import PolicyPrompt
from modeling.core.program.checked_lines import append_rows
from modeling.core.program.parallel import Processes
from tests.modeling.core.factories import lines

COUNT = 3
PROMPTS = {
    f"q{number}": PolicyPrompt(f"q{number}", (("user", f"{number}"),), (number,), False)
    for number in range(20)
}


def responses(prompt: PolicyPrompt) -> list[Rollout]:
    """A function of the prompt alone, as seeds make it."""
    return [
        Rollout(prompt.id, prompt.ids, [at], [-1.0], True, f"{prompt.id} {at}", 0.5, 0.0, [-2.0])
        for at in range(COUNT)
    ]


class Drawing:
    """A task whose draws are counted."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[str] = []
        self.run = SimpleNamespace(
            path=folder, begin=lambda *_: None, progress=lambda *_: None, say=lambda *_: None
        )
        self.task: Any = SimpleNamespace(
            run=self.run,
            config=SimpleNamespace(best_of=COUNT, pool_prompts=20, seed=0),
            prompts=list(PROMPTS.values()),
            group=Processes(),
        )
        monkeypatch.setattr(module, "roll", self.roll)

    def roll(self, _task: Any, some: list[PolicyPrompt], count: int, _label: str) -> list[Rollout]:
        assert count == COUNT
        self.drawn += [prompt.id for prompt in some]
        return [rollout for prompt in some for rollout in responses(prompt)]


@pytest.fixture
def drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawing:
    return Drawing(tmp_path, monkeypatch)


def test_a_pool_is_drawn_once_and_left_without_check_sums(drawing: Drawing, tmp_path: Path) -> None:
    first = draw_pool(drawing.task)
    assert sorted(drawing.drawn) == sorted(PROMPTS)
    rows = lines(tmp_path / "pool.jsonl")
    assert [row["id"] for row in rows] == [one.id for of_prompt in first for one in of_prompt]
    assert rows[0].keys() == set(module.FIELDS)
    drawing.drawn.clear()
    assert draw_pool(drawing.task) == first
    assert drawing.drawn == []


def test_what_a_kill_left_half_of_is_drawn_again_and_not_left_beside_it(
    drawing: Drawing, tmp_path: Path
) -> None:
    path = tmp_path / "pool.jsonl"
    append_rows(path, map(as_row, [*responses(PROMPTS["q1"]), *responses(PROMPTS["q2"])[:2]]))
    with path.open("ab") as file:
        file.write(b'{"id": "q2", "tok')
    whole = draw_pool(drawing.task)
    assert sorted(drawing.drawn) == sorted(PROMPTS.keys() - {"q1"})
    assert len(lines(path)) == COUNT * len(PROMPTS)
    assert all(len(of_prompt) == COUNT for of_prompt in whole)


def test_a_reward_that_was_damaged_on_the_disk_is_not_believed(
    drawing: Drawing, tmp_path: Path
) -> None:
    path = tmp_path / "pool.jsonl"
    append_rows(path, map(as_row, [*responses(PROMPTS["q1"]), *responses(PROMPTS["q2"])]))
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"reward": 0.5', b'"reward": 9.5', 1))
    assert read_pool(path, PROMPTS, COUNT).keys() == {"q2"}
    for of_prompt in draw_pool(drawing.task):
        assert {one.reward for one in of_prompt} == {0.5}
    assert "q1" in drawing.drawn and "q2" not in drawing.drawn


@pytest.mark.parametrize("row", [{}, {"id": "q1"}, {"id": "gone"} | {"tokens": []}, {"id": 7}])
def test_lines_of_other_prompts_or_without_all_fields_count_for_nothing(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    path = tmp_path / "pool.jsonl"
    append_rows(path, [row] * COUNT)
    assert read_pool(path, PROMPTS, COUNT) == {}


def test_only_the_first_process_writes_the_pool(drawing: Drawing, tmp_path: Path) -> None:
    drawing.task.group = Processes(1, 2)
    draw_pool(drawing.task)
    assert not (tmp_path / "pool.jsonl").exists()
