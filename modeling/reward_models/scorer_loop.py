"""The scorer's loop: takes requests out of Redis, answers them with models kept in memory.

Torch is imported with the first request, so that a scorer nobody asks costs little; models that
nobody has asked for in a while are let go.
"""

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import redis
from django.db import close_old_connections

from labeling.texts.shown_paths import without_paths
from modeling.core.messages import Prompt, Response, prompt_of, response_of
from modeling.models import RewardModel
from modeling.reward_models.serving import (
    ALIVE,
    ALIVE_SECONDS,
    REQUESTS,
    ScorerAnswer,
    redis_client,
)
from modeling.runs import model_files

log = logging.getLogger(__name__)

MODELS_IN_MEMORY = 2
IDLE_SECONDS = 600.0
PAUSE_SECONDS = 2.0
ANSWER_SECONDS = 60  # an answer that nobody fetches is gone after that

Texts = list[tuple[Prompt, Response]]
Folders = tuple[str, ...]  # of the members of one reward model
ScoreTexts = Callable[[Texts], ScorerAnswer]
Load = Callable[[Folders], ScoreTexts]


class NotThere(LookupError):
    """The model that was asked for is not there. The message is a sentence for people."""


class Models:
    """The reward models that were asked for last, each with all of its members."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.lock = threading.Lock()  # models in memory are not for several threads at once
        self.held: OrderedDict[Folders, tuple[ScoreTexts, float]] = OrderedDict()

    def score(
        self, folders: Folders, texts: Texts, check: Callable[[], None] = lambda: None
    ) -> ScorerAnswer:
        """Scores the texts. `check` raises where the folders are not what they were; it is called
        before they are loaded."""
        with self.lock:
            return self._scorer(folders, check)(texts)

    def _scorer(self, folders: Folders, check: Callable[[], None]) -> ScoreTexts:
        in_memory = self.held.pop(folders, None)
        if in_memory is None:
            check()
        if in_memory is None and len(self.held) >= MODELS_IN_MEMORY:
            self.held.popitem(last=False)  # first, so that three are never in memory at once
        scorer = in_memory[0] if in_memory else self.load(folders)
        self.held[folders] = (scorer, time.monotonic())
        return scorer

    def let_go(self, now: float) -> None:
        """Drops the models that nobody has asked for in a while."""
        with self.lock:
            for folders in [key for key, (_, at) in self.held.items() if now - at > IDLE_SECONDS]:
                log.info("%s is let go", ", ".join(folders))
                del self.held[folders]


def load_scorer(device: str) -> Load:
    def load(folders: Folders) -> ScoreTexts:
        from modeling.core.loading.scorer import Scorer  # torch: only when somebody asks

        log.info("loading %s", ", ".join(folders))
        scorer = Scorer(folders, device=device)

        def score(texts: Texts) -> ScorerAnswer:
            scores, truncated = scorer.read(texts)
            return {"members": scores.members.tolist(), "truncated": truncated}

        return score

    return load


@contextmanager
def alive() -> Iterator[None]:
    """Tells those who ask that there is a scorer, also while it loads a large model for minutes."""
    ended = threading.Event()

    def tell() -> None:
        client = redis_client(PAUSE_SECONDS)
        while not ended.is_set():
            with suppress(redis.RedisError, OSError):  # the loop says so in the log
                client.set(ALIVE, "1", ex=ALIVE_SECONDS)
            ended.wait(PAUSE_SECONDS)
        with suppress(redis.RedisError, OSError):  # it expires by itself
            client.delete(ALIVE)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)  # Redis may hang: the thread ends with the process


def serve(models: Models, stop: Callable[[], bool], take_seconds: float = 1.0) -> None:
    """Answers requests until `stop` is set. Redis may go and come back."""
    with alive():
        take_requests(models, stop, take_seconds)


def take_requests(models: Models, stop: Callable[[], bool], take_seconds: float) -> None:
    client = redis_client(take_seconds + 10)
    while not stop():
        try:
            taken: Any = client.blpop([REQUESTS], timeout=take_seconds)
            if taken is not None:
                answer(client, models, json.loads(taken[1]))
        except (ValueError, KeyError, TypeError):
            log.exception("a request that nobody can answer is passed over")
        except (redis.RedisError, OSError) as problem:
            log.warning("Redis is away (%s)", problem)
            time.sleep(PAUSE_SECONDS)
        models.let_go(time.monotonic())


def answer(client: redis.Redis, models: Models, request: dict[str, Any]) -> None:
    """Answers one request. Whatever is wrong with it, whoever asked hears of it and the next
    request is served."""
    try:
        reply: ScorerAnswer | dict[str, str] = rewards_for(models, request)
    except Exception as problem:
        log.exception("could not score")
        words = getattr(problem, "message", "") or str(problem) or type(problem).__name__
        reply = {"error": without_paths(f"The model could not score this: {words}")}
    client.rpush(request["answer_to"], json.dumps(reply))
    client.expire(request["answer_to"], ANSWER_SECONDS)


def rewards_for(models: Models, request: dict[str, Any]) -> ScorerAnswer:
    close_old_connections()
    model = RewardModel.objects.select_related("run").filter(pk=request["model"]).first()
    if model is None:
        raise NotThere("there is no such version any more.")
    texts: Texts = [
        (prompt_of(prompt, *options), response_of(response))
        for prompt, response, *options in request["texts"]
    ]
    folders = tuple(str(path) for path in model.member_paths)
    return models.score(folders, texts, partial(model_files.check, model))
