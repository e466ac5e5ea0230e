"""A hub on the loopback, which the hub's own client is sent to."""

import time
from collections.abc import Iterator

import pytest

from tests.labeling.snapshots.fake_hub import FakeHub, fake_hub


@pytest.fixture
def hub(settings, monkeypatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    # Its storage protocol is a binary of its own; the other way is plain HTTP.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(_http, "time", _Timeless())
    _http.close_session()
    with fake_hub() as hub:
        settings.HF_ENDPOINT = hub.url
        yield hub
    _http.close_session()


class _Timeless:
    """The clock of the client, without its pauses between two attempts."""

    def __getattr__(self, name: str) -> object:
        return (lambda seconds: None) if name == "sleep" else getattr(time, name)
