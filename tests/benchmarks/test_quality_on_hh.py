"""What the table of quality on real pairs rests on: folds by prompt, figures of what is done."""

from pathlib import Path

import pytest

from benchmarks.parts.quality_rows import FOLDS, Cell, Pair, turns
from benchmarks.quality_on_hh import CellsFile, line_of, mixed, points

PAIRS = [Pair((("user", f"Question {n // 2}?"),), f"yes {n}", f"no {n}") for n in range(40)]


def test_conversations_become_messages() -> None:
    text = "Human: Hi.\n\nAssistant: Hello!\n\nHuman: Who is Human: X?\n\nAssistant:"
    said = (("user", "Hi."), ("assistant", "Hello!"), ("user", "Who is Human: X?"))
    assert turns(text) == said
    assert turns("no roles at all") == (("user", "no roles at all"),)


def test_folds_part_the_pairs_and_never_a_prompt() -> None:
    asked: list[int] = []
    for fold in range(FOLDS):
        train, held_out = Cell("", "", 3, fold).split(PAIRS)
        assert sorted(train + held_out) == list(range(40))
        assert not {PAIRS[at].prompt for at in train} & {PAIRS[at].prompt for at in held_out}
        asked += held_out
    assert sorted(asked) == list(range(40))
    assert Cell("", "", 3, 0).split(PAIRS) != Cell("", "", 4, 0).split(PAIRS)


def test_equal_rewards_count_a_half() -> None:
    assert points([1.0, -1.0, 0.0, 2.0]) == 0.625


def test_an_ensemble_needs_all_its_rows_and_weighs_them_alike() -> None:
    """Margins (1, -1) and (30, 10): over their spreads of 1 and 10 they add up to (4, 0)."""
    both, one = Cell("m", "a", 0, 0), Cell("m", "a", 0, 1)
    margins = {both: [1.0, -1.0], one: [1.0, 2.0], Cell("m", "b", 0, 0): [30.0, 10.0]}
    mixtures = mixed(margins, "m", ("a", "b"))
    assert list(mixtures) == [both]
    assert mixtures[both] == pytest.approx([4.0, 0.0])


def test_a_line_tells_how_much_of_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.quality_on_hh.read_pairs", lambda: PAIRS[:4])
    cells = {Cell("m", "a", seed, 0): [1.0, 1.0, -1.0, seed - 0.5] for seed in (0, 1)}
    line = line_of("name", cells, dict.fromkeys(cells, 2.0))
    assert (line.accuracy, line.folds, line.pairs, line.cpu_seconds) == (0.625, 2, 8, 2.0)
    assert line.spread == pytest.approx(0.1768, abs=1e-4), "of the seeds' 0.5 and 0.75"


def test_cells_that_are_done_are_read_again(tmp_path: Path) -> None:
    cell = Cell("m", "a", 0, 1)
    CellsFile(tmp_path / "cells.jsonl").add(cell, [0.5, -1.0], 3.0)
    again = CellsFile(tmp_path / "cells.jsonl")
    assert again.margins == {cell: [0.5, -1.0]}
    assert again.seconds == {cell: 3.0}
