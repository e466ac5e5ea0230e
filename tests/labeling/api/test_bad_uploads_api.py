"""Whatever is wrong with one of several files: a 400 that names file, place and field, and nothing
of any of them is stored."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from labeling.models import Import, Prompt, Role, Scope
from tests.factories import client_with_token, make_member, make_project

pytestmark = pytest.mark.django_db

GOOD = b'{"prompt": "Why?"}\n'


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", content)
    return packed.getvalue()


def parquet_of_another_schema() -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table({"x": [1, 2], "y": ["a", "b"]}), written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        ('{"prompt": "ü"}'.encode("latin1"), "line", "Not valid UTF-8"),
        ('{"prompt": "x"}'.encode("utf16"), "file", "The text is UTF-16"),
        (b'{"prompt": "a\\u0000b"}', "prompt", "NUL character"),
        (b'{"prompt": "\\ud800"}', "prompt", "surrogate pair"),
        (b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "line", "100,000 values"),
        (b'{"prompt": 7}', "prompt", "Must be a text"),
        (b'{"foo": 1}', "prompt", "Is missing"),
        (b'{"prompt": "' + b"x" * (17 * 2**20) + b'"}', "file", "longer than 16 MB"),
        (gzip.compress(b"\n" * 20_000_000), "file", "are blank"),
        (zipped(b" " * 20_000_000), "file", "more than 100 times its size"),
        (parquet_of_another_schema(), "columns", "not understood"),
        (b"prompt,chosen,rejected\na,b\n", "row", "2 cells, and 3 columns"),
        (b"", "file", "Holds no rows"),
    ],
)
def test_one_bad_file_keeps_all_out_and_is_named(
    content: bytes, field: str, words: str, settings, tmp_path
) -> None:
    settings.DATA_DIR = tmp_path
    project = make_project()
    client = client_with_token(make_member(project, Role.CURATOR), Scope.READ, Scope.WRITE)
    files = [SimpleUploadedFile("good.jsonl", GOOD), SimpleUploadedFile("bad.bin", content)]
    answer = client.post(f"/api/v1/projects/{project.slug}/imports/", {"file": files})
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["field"]) == (400, field)
    assert "bad.bin" in error["place"] and words in error["problem"]
    assert not Prompt.objects.exists() and not Import.objects.exists()
