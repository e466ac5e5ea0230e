"""Static files are sent compressed, straight from a checkout."""

import gzip
from pathlib import Path

import pytest
from django.test import Client

from config.web.static_files import compressed_copy


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
