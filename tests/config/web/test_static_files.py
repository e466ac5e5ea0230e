"""Static files are sent compressed, straight from a checkout."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from config.web.static_files import compressed_copy


@pytest.fixture(autouse=True)
def as_in_use(settings: Any, tmp_path: Path) -> None:
    """Every file is read and compressed when the server starts, not when it is asked for."""
    settings.WHITENOISE_AUTOREFRESH = False
    settings.COMPRESSED_STATIC = tmp_path / "compressed"


def test_a_browser_gets_the_compressed_file(client: Client) -> None:
    plain = client.get("/static/css/app.css")
    packed = client.get("/static/css/app.css", HTTP_ACCEPT_ENCODING="gzip, br")
    assert packed["Content-Encoding"] == "gzip"
    assert packed["Content-Type"].startswith("text/css")
    assert "Accept-Encoding" in packed["Vary"]
    whole = b"".join(plain.streaming_content)  # type: ignore[attr-defined]
    sent = b"".join(packed.streaming_content)  # type: ignore[attr-defined]
    assert gzip.decompress(sent) == whole
    assert len(sent) < len(whole) / 2


def start_and_ask() -> None:
    """Sends a first request to a new handler, which loads the middleware."""
    list(Client().get("/static/css/app.css").streaming_content)  # type: ignore[attr-defined]


def test_a_file_is_compressed_once_not_at_every_start(settings: Any) -> None:
    start_and_ask()
    copies = {copy: copy.stat().st_mtime_ns for copy in settings.COMPRESSED_STATIC.iterdir()}
    assert len(copies) > 20
    start_and_ask()
    assert {x: x.stat().st_mtime_ns for x in settings.COMPRESSED_STATIC.iterdir()} == copies


@pytest.mark.django_db
def test_pages_are_not_compressed(client: Client) -> None:
    response = client.get("/sign-in/", HTTP_ACCEPT_ENCODING="gzip")
    assert not response.has_header("Content-Encoding")


def test_a_changed_file_gets_a_copy_of_its_own(tmp_path: Path) -> None:
    source, folder = tmp_path / "a.js", tmp_path / "packed"
    source.write_text("one " * 1000)
    first = compressed_copy(source, folder)
    source.write_text("second " * 1000)
    second = compressed_copy(source, folder)
    assert first and second and first != second
    assert gzip.decompress(second.read_bytes()) == source.read_bytes()
    assert compressed_copy(source, folder) == second
    assert sorted(folder.iterdir()) == sorted([first, second]), "no half-written file is left"


def test_small_and_binary_files_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("x")
    (tmp_path / "b.woff2").write_bytes(b"0" * 5000)
    assert compressed_copy(tmp_path / "a.js", tmp_path) is None
    assert compressed_copy(tmp_path / "b.woff2", tmp_path) is None
