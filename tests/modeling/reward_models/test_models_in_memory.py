"""The scorer's memory: which models stay, which go, and when a folder is looked at."""

from typing import Any

import pytest

from modeling.reward_models import scorer_loop
from modeling.reward_models.scorer_loop import IDLE_SECONDS, MODELS_IN_MEMORY, Models

LOADED: list[tuple[str, ...]] = []


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(scorer_loop.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def models(clock: Clock) -> Models:
    LOADED.clear()

    def load(folders: tuple[str, ...]) -> Any:
        LOADED.append(folders)
        return lambda texts: {"members": [[float(len(texts))]], "truncated": [False]}

    return Models(load)


def ask(models: Models, *folders: str, check: Any = lambda: None) -> None:
    models.score(folders, ["a text"], check)  # type: ignore[list-item]


def test_a_model_that_was_just_asked_is_not_loaded_again(models: Models) -> None:
    ask(models, "a")
    ask(models, "a")
    assert LOADED == [("a",)]


def test_the_one_that_was_asked_longest_ago_makes_room(models: Models) -> None:
    names = [str(number) for number in range(MODELS_IN_MEMORY)]
    for name in [*names, names[0]]:
        ask(models, name)
    ask(models, "new")
    assert set(models.held) == {("new",), (names[0],), *((name,) for name in names[2:])}


def test_room_is_made_before_the_next_one_is_loaded(models: Models) -> None:
    held_while_loading = []

    def load(folders: tuple[str, ...]) -> Any:
        held_while_loading.append(len(models.held))
        return lambda texts: {}

    models.load = load
    for number in range(2 * MODELS_IN_MEMORY):
        ask(models, str(number))
    assert max(held_while_loading) == MODELS_IN_MEMORY - 1


def test_members_are_one_model_and_another_one_in_another_order(models: Models) -> None:
    ask(models, "a", "b")
    ask(models, "b", "a")
    assert LOADED == [("a", "b"), ("b", "a")]


def test_folders_are_looked_at_before_they_are_loaded_and_not_again(models: Models) -> None:
    looked = []
    for _ in range(3):
        ask(models, "a", check=lambda: looked.append(len(LOADED)))
    assert looked == [0]


def test_a_folder_that_was_changed_is_not_loaded(models: Models) -> None:
    def changed() -> None:
        raise ValueError("The folder was changed.")

    with pytest.raises(ValueError, match="changed"):
        ask(models, "a", check=changed)
    assert (LOADED, dict(models.held)) == ([], {})


def test_a_model_that_cannot_be_loaded_leaves_the_others_where_they_are(models: Models) -> None:
    ask(models, "a")

    def load(folders: tuple[str, ...]) -> Any:
        raise OSError("no memory")

    models.load = load
    with pytest.raises(OSError, match="no memory"):
        ask(models, "b")
    assert ("b",) not in models.held
    assert not models.lock.locked(), "the next one can be asked"


def test_what_nobody_asks_for_is_let_go_and_the_rest_stays(models: Models, clock: Clock) -> None:
    ask(models, "old")
    clock.now = IDLE_SECONDS / 2
    ask(models, "new")
    models.let_go(IDLE_SECONDS)
    assert set(models.held) == {("old",), ("new",)}, "the limit itself is not beyond it"
    models.let_go(IDLE_SECONDS + 1)
    assert set(models.held) == {("new",)}
    ask(models, "old")
    assert LOADED == [("old",), ("new",), ("old",)]


def test_being_asked_again_keeps_a_model(models: Models, clock: Clock) -> None:
    ask(models, "a")
    clock.now = IDLE_SECONDS
    ask(models, "a")
    models.let_go(IDLE_SECONDS + 1)
    assert set(models.held) == {("a",)}
