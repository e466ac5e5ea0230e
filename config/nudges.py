"""Sends the messages that say "look now" to the workers.

A nudge may be lost: beat looks again within seconds. So it never makes a request wait or fail.
When Redis is away, one nudge finds out and the next ones are not even tried for some seconds.
Typical use: `transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))`.
"""

import logging
import threading
import time
from functools import cache

import redis.exceptions
from kombu import Connection
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import ProducerPool, producers

from config.celery import app

log = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
# Many labelers at once would send the same message dozens of times a second; one is enough.
REPEAT_SECONDS = 0.5
EXPIRE_SECONDS = 60
# Far shorter than a worker's: a labeler waits for this one.
PATIENCE = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5, "max_retries": 0}

_lock = threading.Lock()
_silent_until = 0.0
_sent_at: dict[tuple[int | str, ...], float] = {}


def nudge(task_name: str, *args: int | str) -> None:
    """Asks a worker to run `task_name` now; gives up at once where Redis does not answer."""
    if is_silent() or _sent_just_now((task_name, *args)):
        return
    try:
        with _producers().acquire(block=True, timeout=1) as producer:
            app.send_task(task_name, args=args, producer=producer, expires=EXPIRE_SECONDS)
    except (OSError, OperationalError, LimitExceeded, redis.exceptions.RedisError) as problem:
        _fall_silent(task_name, problem)


def is_silent() -> bool:
    """Whether Redis was away a moment ago, so that no nudge is tried."""
    return time.monotonic() < _silent_until


def forget() -> None:
    """Forgets what was sent, whether Redis was away, and the connection, as in a process that has
    just started."""
    global _silent_until
    with _lock:
        _silent_until = 0.0
        _sent_at.clear()
    _producers.cache_clear()


def _sent_just_now(message: tuple[int | str, ...]) -> bool:
    """Whether this process sent the same message within REPEAT_SECONDS. If not, it is noted now."""
    now = time.monotonic()
    with _lock:
        if now - _sent_at.get(message, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return True
        if len(_sent_at) > 1000:  # rather send a few twice than remember messages without end
            _sent_at.clear()
        _sent_at[message] = now
        return False


def _fall_silent(task_name: str, problem: Exception) -> None:
    global _silent_until
    with _lock:
        if is_silent():
            return  # another thread has said so already
        _silent_until = time.monotonic() + PAUSE_SECONDS
    log.warning(
        "Redis is away (%s): %s waits for the next look, no nudges for %d s",
        problem, task_name, PAUSE_SECONDS,
    )  # fmt: skip


@cache
def _producers() -> ProducerPool:
    options = {**app.conf.broker_transport_options, **PATIENCE}
    connection: Connection = app.connection_for_write(transport_options=options)
    pool: ProducerPool = producers[connection]
    return pool
