"""docs/webhooks.md says what is sent, and its example checks what was signed."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from labeling.models import EventType
from labeling.webhooks.delivering import GIVEN_UP_AFTER, KEPT, SWITCHED_OFF_AFTER
from labeling.webhooks.fields import FIELDS
from labeling.webhooks.sending import SECONDS
from labeling.webhooks.signing import secret_of, signed_headers

DOCS = (Path(__file__).resolve().parents[3] / "docs/webhooks.md").read_text()


def test_every_event_stands_in_the_first_table() -> None:
    told = re.findall(r"^\| `([a-z]+\.[a-z]+)` \| [a-z]", DOCS.split("<!-- fields -->")[0], re.M)
    assert set(told) == {*EventType.values, "webhook.test"}


def test_the_fields_are_those_that_are_sent() -> None:
    lines = DOCS.split("<!-- fields -->")[1].split("<!-- end of fields -->")[0]
    rows = [
        f"| `{event}` | `{field}` | {words} |"
        for event, fields in FIELDS.items()
        for field, words in fields.items()
    ]
    assert lines.strip().splitlines()[2:] == rows


def test_times_are_those_of_the_code() -> None:
    assert timedelta(days=3) == GIVEN_UP_AFTER and "For three days" in DOCS
    assert timedelta(days=5) == SWITCHED_OFF_AFTER and "five days without any success" in DOCS
    assert timedelta(days=30) == KEPT and "removed after 30 days" in DOCS
    assert SECONDS == 10 and "within 10 seconds" in DOCS


def test_the_example_tells_genuine_requests_from_others() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS, re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    is_genuine, secret, body = names["is_genuine"], secret_of("a"), b'{"type":"webhook.test"}'
    now = datetime.fromtimestamp(time.time(), UTC)
    headers = signed_headers("evt_1", now, body, [secret_of("new"), secret])
    assert is_genuine(headers, body, secret)
    assert not is_genuine(headers, body + b" ", secret)
    assert not is_genuine(headers, body, secret_of("b"))
    old = signed_headers("evt_1", now - timedelta(minutes=6), body, [secret])
    assert not is_genuine(old, body, secret)
