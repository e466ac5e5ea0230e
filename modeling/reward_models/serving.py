"""Scores of a few texts while somebody waits: the web process asks, the scorer answers.

The web process never loads torch. It puts a request into a Redis list; the scorer (`manage.py
scorer`, one of the parts of `up`) takes it, keeps the models it was asked for in memory, and puts
the answer where the asker waits. Nothing is stored: when Redis or the scorer is away, the asker
says so at once and the caller asks again.
"""

import json
import math
import statistics
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from labeling.models import Project
from labeling.texts.messages import extra_of, extra_size
from modeling.models import RewardModel
from modeling.reward_models import ensembles
from modeling.reward_models.drift import temperature_of
from modeling.settings.choices import Aggregate

REQUESTS = "preferable:score:requests"
ALIVE = "preferable:score:alive"
ALIVE_SECONDS = 90  # after the scorer was heard of last
WAIT_SECONDS = 45.0  # gunicorn gives up after 60
MOST_TEXTS = 256
MOST_CHARACTERS = 200_000  # of all texts of a request

Message = dict[str, Any]


class Unavailable(RuntimeError):
    """Nobody can answer now. The message is a sentence for people."""


class CannotScore(ValueError):
    """These texts cannot be scored by this model. The message is a sentence for people."""


@dataclass(frozen=True)
class TextToScore:
    """A response to a prompt. `response` is a text, or an assistant's message where it holds more.
    `options` are tools and arguments for the chat template."""

    prompt: list[Message]
    response: str | Message
    options: Message = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of characters of all texts, and of whatever comes with them."""
        messages = (
            [{"content": self.response}] if isinstance(self.response, str) else [self.response]
        )
        messages = [*self.prompt, *messages]
        beside = [extra for extra in (self.options, *map(extra_of, messages)) if extra]
        return sum(len(message["content"]) for message in messages) + sum(map(extra_size, beside))


@dataclass(frozen=True)
class Scored:
    """The scores of one response. `reward` is that of all members together. `probability` is that
    people prefer this response to the first one of the same prompt, by the calibration of the mean;
    None for a first one. `truncated`: prompt and response are longer than the model reads, so a
    part was cut off."""

    reward: float
    probability: float | None
    members: list[float]
    truncated: bool = False

    @property
    def mean(self) -> float:
        return statistics.fmean(self.members)

    @property
    def std(self) -> float:
        return ensembles.spread(self.members)


class ScorerAnswer(TypedDict):
    """What the scorer says of each text: its rewards by every member, on one scale, and whether it
    was cut off."""

    members: list[list[float]]
    truncated: list[bool]


@dataclass(frozen=True)
class Aggregation:
    """How the rewards of several members become one."""

    aggregate: str = Aggregate.MEAN
    uwo_weight: float = 0.5


def way_of(project: Project) -> Aggregation:
    """How the project's settings aggregate rewards."""
    return Aggregation(project.loop_settings.aggregate, project.loop_settings.uwo_weight)


def redis_client(timeout: float) -> redis.Redis:
    """Connects by Celery's address of Redis, in the form that redis-py knows."""
    url = settings.REDIS_URL.replace("redis+socket://", "unix://", 1)
    client: redis.Redis = redis.Redis.from_url(
        url, socket_connect_timeout=2.0, socket_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )
    return client


def score(
    model: RewardModel,
    texts: Sequence[TextToScore],
    wait: float = WAIT_SECONDS,
    *,
    way: Aggregation | None = None,
) -> list[Scored]:
    """Scores responses in their order, aggregated as `way` says, else as the project does. Raises
    Unavailable or CannotScore."""
    check(texts)
    if not model.is_here:
        raise CannotScore(f"The folder of {model} is gone: train again, or use another version.")
    answer = ask(model, texts, wait)
    way = way or way_of(model.project)
    scores = combined(texts, answer["members"], way, temperature_of(model))
    cuts = answer["truncated"]
    return [replace(one, truncated=cut) for one, cut in zip(scores, cuts, strict=True)]


def check(texts: Sequence[TextToScore]) -> None:
    if not texts:
        raise CannotScore("There is nothing to score.")
    if len(texts) > MOST_TEXTS:
        raise CannotScore(f"At most {MOST_TEXTS} texts at once; there are {len(texts)}.")
    characters = sum(text.size for text in texts)
    if characters > MOST_CHARACTERS:
        raise CannotScore(
            f"At most {MOST_CHARACTERS:,} characters at once; there are {characters:,}."
        )


def ask(model: RewardModel, texts: Sequence[TextToScore], wait: float) -> ScorerAnswer:
    key = f"preferable:score:answer:{uuid.uuid4().hex}"
    request = {
        "answer_to": key,
        "model": model.pk,
        "texts": [[text.prompt, text.response, text.options] for text in texts],
    }
    try:
        client = redis_client(wait + 5)
        try:
            if not client.exists(ALIVE):
                raise Unavailable(
                    "The scorer is not running: start it with `manage.py up`, or as the service "
                    "`scorer` of docker-compose.yml."
                )
            message = json.dumps(request)
            client.rpush(REQUESTS, message)
            answer: Any = client.blpop([key], timeout=wait)
            if answer is None:  # the scorer need not do what nobody waits for
                client.lrem(REQUESTS, 1, message)
        finally:
            client.close()
    except (redis.RedisError, OSError) as problem:
        raise Unavailable("Redis is away: nothing can be scored until it is back.") from problem
    if answer is None:
        raise Unavailable(f"The scorer did not answer within {wait:.0f} s: it is busy. Try again.")
    reply: Any = json.loads(answer[1])
    if "error" in reply:
        raise CannotScore(reply["error"])
    return ScorerAnswer(members=reply["members"], truncated=reply["truncated"])


def combined(
    texts: Sequence[TextToScore],
    members: Sequence[list[float]],
    way: Aggregation,
    temperature: float,
) -> list[Scored]:
    """Makes scores of the members' rewards. Probabilities are of the means, which the temperature
    was fitted to."""
    first: dict[str, float] = {}
    scored = []
    for text, opinions in zip(texts, members, strict=True):
        prompt, mean = json.dumps(text.prompt), statistics.fmean(opinions)
        known = prompt in first
        lead = mean - first.setdefault(prompt, mean)
        reward = ensembles.combine(opinions, way.aggregate, way.uwo_weight)
        scored.append(Scored(reward, logistic(lead / temperature) if known else None, opinions))
    return scored


def logistic(value: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * value))
