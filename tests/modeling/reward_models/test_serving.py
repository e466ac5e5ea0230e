"""Asking the scorer: what the web side refuses, how the scorer answers, what happens without it."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connections

from config import environment
from config.up import redis_server
from modeling.core.program.seal import notes_of
from modeling.models import RewardModel
from modeling.reward_models import scorer_loop, serving
from modeling.reward_models.scorer_loop import Models
from modeling.reward_models.serving import (
    Aggregation,
    CannotScore,
    TextToScore,
    Unavailable,
    combined,
)
from tests.factories import make_project
from tests.modeling.at_once.test_races import at_once
from tests.modeling.page_helpers import make_reward_model


def text(response: str, prompt: str = "Q") -> TextToScore:
    return TextToScore([{"role": "user", "content": prompt}], response)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of our own: the server that `manage.py up` starts."""
    folder = tmp_path_factory.mktemp("redis")
    socket = environment.redis_socket(folder)
    redis_server.prepare_folders(folder, socket)
    command = redis_server.command(redis_server.find_program(), folder, socket)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while not redis_server.is_ready(socket):
        assert time.monotonic() < until
        time.sleep(0.02)
    yield environment.embedded_redis_url(folder)
    process.terminate()
    process.wait(10)


@pytest.fixture
def model(settings: Any, redis_url: str, transactional_db: None) -> RewardModel:
    settings.REDIS_URL = redis_url
    made = make_reward_model(make_project())
    made.path.mkdir(parents=True, exist_ok=True)
    (made.path / "config.json").write_text("{}")
    return made


@pytest.fixture
def scorer(model: RewardModel) -> Iterator[list[str]]:
    """A scorer in a thread whose model is the length of the response; the loaded folders."""
    loaded: list[str] = []
    stopping = threading.Event()

    def load(folders: tuple[str, ...]) -> Any:
        loaded.extend(folders)
        return lambda texts: {
            "members": [
                [1 / 0 if text == "bad" else float(len(text)) + at for at in range(len(folders))]
                for _, text in texts
            ],
            "truncated": [len(text) > 5 for _, text in texts],
        }

    def work() -> None:
        scorer_loop.serve(Models(load), stopping.is_set, take_seconds=0.1)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: serving.redis_client(1).exists(serving.ALIVE))
    yield loaded
    stopping.set()
    thread.join(10)
    assert not serving.redis_client(1).exists(serving.ALIVE)


def wait_for(is_so: Any) -> None:
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_texts_are_scored_by_a_model_that_stays_loaded(
    model: RewardModel, scorer: list[str]
) -> None:
    found = serving.score(model, [text("four"), text("eight888"), text("one", "other")], 5)
    assert [one.reward for one in found] == [4.0, 8.0, 3.0]
    assert [one.truncated for one in found] == [False, True, False]
    assert serving.score(model, [text("ab")], 5)[0].reward == 2.0
    assert scorer == [str(model.path)]


def test_a_text_that_breaks_the_model_is_reported_and_the_next_one_served(
    model: RewardModel, scorer: list[str]
) -> None:
    with pytest.raises(CannotScore, match="division by zero"):
        serving.score(model, [text("bad")], 5)
    assert serving.score(model, [text("good")], 5)[0].reward == 4.0


def test_without_a_scorer_the_asker_hears_so_at_once(model: RewardModel) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable, match="scorer is not running"):
        serving.score(model, [text("a")])
    assert time.monotonic() - began < 5


def test_a_scorer_that_does_not_answer_in_time_is_busy(model: RewardModel) -> None:
    client = serving.redis_client(1)
    client.set(serving.ALIVE, "1", ex=30)
    with pytest.raises(Unavailable, match="busy"):
        serving.score(model, [text("a")], wait=0.2)
    client.delete(serving.ALIVE)
    assert not client.exists(serving.REQUESTS), "the scorer does nothing that nobody waits for"


def test_a_clock_that_is_set_while_somebody_waits_loses_no_answer(
    model: RewardModel, scorer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = itertools.count(step=3600)  # each look at the clock is an hour after the one before
    monkeypatch.setattr(time, "time", lambda: float(next(steps)))
    assert serving.score(model, [text("four")], 5)[0].reward == 4.0


@pytest.mark.django_db
def test_without_redis_the_asker_hears_so(settings: Any, tmp_path: Path) -> None:
    settings.REDIS_URL = f"redis+socket://{tmp_path}/none.sock"
    model = make_reward_model(make_project())
    model.path.mkdir(parents=True, exist_ok=True)
    (model.path / "config.json").write_text("{}")
    with pytest.raises(Unavailable, match="Redis is away"):
        serving.score(model, [text("a")])


def test_a_scorer_that_loads_for_longer_than_its_sign_lasts_is_still_there(
    model: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer_loop, "ALIVE_SECONDS", 1)
    monkeypatch.setattr(scorer_loop, "PAUSE_SECONDS", 0.1)
    loading, loaded, stopping = threading.Event(), threading.Event(), threading.Event()

    def load(folders: tuple[str, ...]) -> Any:
        loading.set()
        loaded.wait(20)
        return lambda texts: {"members": [[1.0]], "truncated": [False]}

    def work() -> None:
        scorer_loop.serve(Models(load), stopping.is_set, take_seconds=0.1)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    client = serving.redis_client(1)
    wait_for(lambda: client.exists(serving.ALIVE))
    with pytest.raises(Unavailable, match="busy"):
        serving.score(model, [text("a")], wait=0.1)
    assert loading.wait(10)
    time.sleep(1.5)
    assert client.exists(serving.ALIVE)
    loaded.set()
    stopping.set()
    thread.join(10)


def test_too_much_at_once_and_nothing_are_refused() -> None:
    with pytest.raises(CannotScore, match="nothing"):
        serving.check([])
    with pytest.raises(CannotScore, match="At most 256 texts"):
        serving.check([text("a")] * 257)
    with pytest.raises(CannotScore, match="200,000 characters"):
        serving.check([text("a" * 200_000)])


def test_probabilities_are_against_the_first_response_of_the_same_prompt() -> None:
    """Rewards 1 and 1 + 2 log 3 at temperature 2: sigmoid(log 3) = 3/4."""
    texts = [text("a"), text("b"), text("c", "another"), text("d")]
    rewards = [[1.0], [1.0 + 2 * 1.0986123], [5.0], [1.0]]
    found = combined(texts, rewards, Aggregation(), 2.0)
    assert [one.probability for one in found] == [None, pytest.approx(0.75), None, 0.5]


def test_the_way_of_aggregating_changes_the_reward_and_not_the_probability() -> None:
    """Members 1 and 5: mean 3, variance 4; 3 - 0.25 * 4 = 2. Members 3 and 3 agree."""
    texts, members = [text("a"), text("b")], [[1.0, 5.0], [3.0, 3.0]]
    ways = {"mean": 3.0, "wco": 1.0, "uwo": 2.0}
    for way, reward in ways.items():
        first, second = combined(texts, members, Aggregation(way, 0.25), 1.0)
        assert (first.reward, first.mean, first.std) == (reward, 3.0, 2.0)
        assert (second.reward, second.std, second.probability) == (3.0, 0.0, 0.5)


def test_an_ensemble_is_asked_with_all_its_folders(
    settings: Any, model: RewardModel, scorer: list[str]
) -> None:
    model.results |= {"members": ["model", "members/1"]}
    model.save()
    folder = model.path.parent / "members" / "1"
    with pytest.raises(CannotScore, match="is gone"):
        serving.score(model, [text("four")], 5)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (found,) = serving.score(model, [text("four")], 5)
    assert (found.members, found.reward) == ([4.0, 5.0], 4.5)
    assert scorer == [str(model.path), str(folder)]
    model.project.loop_settings.aggregate = "wco"
    assert serving.score(model, [text("four")], 5)[0].reward == 4.0


def test_only_two_models_are_held_and_idle_ones_are_let_go() -> None:
    loaded: list[str] = []

    def load(folders: tuple[str, ...]) -> Any:
        loaded.extend(folders)
        return lambda texts: {"members": [], "truncated": []}

    models = Models(load)
    for folder in ("a", "b", "a", "c", "a", "b"):
        models.score((folder,), [])
    assert loaded == ["a", "b", "c", "b"]
    models.let_go(time.monotonic() + scorer_loop.IDLE_SECONDS + 1)
    assert not models.held


def test_redis_that_goes_away_does_not_end_the_scorer(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = f"redis+socket://{tmp_path}/none.sock"
    monkeypatch.setattr(scorer_loop, "PAUSE_SECONDS", 0.01)
    rounds = iter([False, False, True])
    scorer_loop.serve(Models(lambda folder: pytest.fail("asked")), lambda: next(rounds))
    with pytest.raises(redis.ConnectionError):
        serving.redis_client(1).ping()


def test_many_who_ask_at_once_each_get_the_rewards_of_their_own_texts(
    model: RewardModel, scorer: list[str]
) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def ask(number: int) -> bool:
        mine = [text("x" * (20 * number + k), f"prompt {number}") for k in range(5)]
        asked = RewardModel.objects.select_related("project").get(pk=model.pk)
        rewards = [[one.reward for one in serving.score(asked, mine, 30)] for _ in range(5)]
        return rewards == [[20.0 * number + k for k in range(5)]] * 5

    try:
        found = at_once(*[lambda number=number: ask(number) for number in range(1, 9)])
    finally:
        sys.setswitchinterval(before)
    assert found == [True] * 8


def test_a_request_that_is_no_request_stops_nothing(model: RewardModel, scorer: list[str]) -> None:
    client = serving.redis_client(1)
    client.rpush(serving.REQUESTS, "no JSON", "{}", "[]", '{"until": 9e99}')
    assert serving.score(model, [text("four")], 10)[0].reward == 4.0


def test_the_scorer_refuses_a_folder_that_was_changed(
    model: RewardModel, scorer: list[str]
) -> None:
    model.files = notes_of(model.run.folder, ["model/config.json"])
    model.save()
    (model.path / "config.json").write_text('{"x": 1}')
    with pytest.raises(CannotScore, match="was changed after it was made"):
        serving.score(model, [text("four")], 10)
    assert scorer == []
