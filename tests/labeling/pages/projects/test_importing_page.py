"""The import page: check, look, import; and the page that makes API tokens."""

import os
import time
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from labeling.importing.uploads import keep_upload, kept_upload
from labeling.models import Prompt, Role, User
from labeling.people.audit import write_entry
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db

ROWS = b'{"prompt": "One?", "responses": ["<b>a</b>", "b"], "language": "en"}\n{"prompt": "Two?"}\n'


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def url(project, client) -> str:
    client.force_login(make_member(project, Role.CURATOR))
    return f"/projects/{project.slug}/import/"


def upload(client, url, content=ROWS, **fields):
    file = SimpleUploadedFile("rows.jsonl", content)
    return client.post(url, {"file": file, "pairs": 1, "tags": "", **fields})


def test_the_empty_page_shows_what_a_file_may_hold(client, url):
    page = client.get(url).content.decode()
    assert "What a row may hold" in page
    assert "Earlier imports" not in page


def test_a_check_shows_what_is_in_the_file_and_stores_nothing(client, url):
    response = upload(client, url)
    page = response.content.decode()
    assert response.status_code == 200
    assert "Import 2 rows" in page
    assert "“language” kept as metadata of the prompt" in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert not Prompt.objects.exists()


def test_the_second_click_imports_with_the_choices_of_the_first(client, url, project):
    context = upload(client, url, tags="x, y").context
    fields = {name: context[name] for name in ("token", "name", "pairs", "tags")}
    response = client.post(url, fields, follow=True)
    page = response.content.decode()
    assert "rows.jsonl" in page
    assert "Comparisons queued" in page
    assert "Earlier imports" in page
    assert [prompt.tags for prompt in project.prompts.all()] == [["x", "y"]] * 2
    assert kept_upload(fields["token"], User.objects.get().pk) is None


def test_importing_twice_says_that_the_upload_is_gone(client, url):
    context = upload(client, url).context
    fields = {name: context[name] for name in ("token", "name", "pairs", "tags")}
    client.post(url, fields)
    response = client.post(url, fields, follow=True)
    assert "imported already" in response.content.decode()
    assert Prompt.objects.count() == 2


def test_a_faulty_file_shows_line_field_and_fault(client, url):
    response = upload(client, url, b'{"prompt": "One?"}\n{"prompt": 7}\n')
    page = response.content.decode()
    assert response.status_code == 422
    assert "<code>prompt</code>" in page
    assert "Must be a text or a list of messages." in page
    assert "nothing of it was stored" in page


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\xff"])
def test_empty_and_binary_files_are_refused_in_words(client, url, content):
    response = upload(client, url, content)
    assert response.status_code == 422
    assert "was not imported" in response.content.decode()


BAD = b'{"prompt": "One?"}\n{"prompt": 7}\n{"prompt": "Two?"}\nnonsense\n'


def test_a_refusal_says_that_such_rows_can_be_skipped(client, url):
    assert "Skip rows with errors" in upload(client, url, BAD).content.decode()
    page = upload(client, url, b"PAR1").content.decode()
    assert "Parquet" in page
    assert "or tick" not in page


def test_rows_with_errors_are_skipped_where_that_is_ticked_and_can_be_downloaded(
    client, url, project
):
    response = upload(client, url, BAD, skip_bad="on")
    page = response.content.decode()
    assert response.status_code == 200
    assert "Import 2 rows" in page
    assert "2 rows with errors, skipped" in page
    names = ("token", "name", "pairs", "tags", "skip_bad")
    fields = {name: response.context[name] for name in names}
    done = client.post(url, fields, follow=True)
    assert project.prompts.count() == 2
    assert "Download the list" in done.content.decode()
    entry = done.context["done"]["pk"]
    table = client.get(f"{url}{entry}/skipped/").content.decode().splitlines()
    assert [line.split("\t")[:2] for line in table] == [
        ["where", "field"],
        ["line 2", "prompt"],
        ["line 4", "line"],
    ]


def test_the_list_of_skipped_rows_is_for_curators_of_the_project(client, url, project):
    upload(client, url, BAD, skip_bad="on")
    client.force_login(make_member(project))
    assert client.get(f"{url}1/skipped/").status_code == 403
    client.force_login(make_user())
    assert client.get(f"{url}1/skipped/").status_code == 404


def test_a_form_without_file_says_so(client, url):
    response = client.post(url, {"pairs": 1})
    assert response.status_code == 422
    assert "This field is required." in response.content.decode()


@pytest.mark.parametrize("token", ["../../etc/passwd", "f" * 32, ""])
def test_only_own_tokens_name_a_file(client, url, token):
    fields = {"token": token, "name": "x", "pairs": 1}
    assert client.post(url, fields).status_code == 302
    assert not Prompt.objects.exists()


def test_old_uploads_are_removed_when_a_new_one_comes(tmp_path):
    token = keep_upload([b"old"], 1)
    path = kept_upload(token, 1)
    assert isinstance(path, Path)
    day_before_yesterday = time.time() - 2 * 24 * 3600
    os.utime(path, (day_before_yesterday, day_before_yesterday))
    keep_upload([b"new"], 1)
    assert kept_upload(token, 1) is None


def test_labelers_may_not_import_and_outsiders_see_nothing(client, project):
    url = f"/projects/{project.slug}/import/"
    client.force_login(make_member(project))
    assert client.get(url).status_code == 403
    client.force_login(make_user())
    assert client.get(url).status_code == 404


def test_as_many_tags_as_can_be_typed_come_back_at_the_second_click(client, url):
    tags = ",".join(f"t{number:03}" for number in range(60))
    assert len(tags) == 299
    context = upload(client, url, tags=tags).context
    fields = {name: context[name] for name in ("token", "name", "pairs", "tags")}
    client.post(url, fields)
    assert Prompt.objects.first().tags == tags.split(",")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pairs": "-1"}, "pairs"),
        ({"pairs": "37"}, "pairs"),
        ({"pairs": ""}, "pairs"),
        ({"tags": "x" * 301}, "tags"),
        ({"tags": "x" * 121}, "tags"),
    ],
)
def test_a_choice_beyond_its_limits_is_named_and_no_file_is_kept(
    client, url, data_dir, settings, fields, field
):
    answer = upload(client, url, **fields)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    uploads = settings.DATA_DIR / "uploads"
    assert not uploads.exists() or not list(uploads.iterdir())


@pytest.mark.parametrize("pairs", ["-1", "37", "x"])
def test_a_second_click_with_other_choices_than_the_form_has_imports_nothing(client, url, pairs):
    context = upload(client, url).context
    data = {"token": context["token"], "name": "rows.jsonl", "pairs": pairs, "tags": ""}
    client.post(url, data)
    assert not Prompt.objects.exists()


def test_a_file_named_in_signs_is_shown_as_signs(client, url):
    file = SimpleUploadedFile("<img src=x onerror=alert(1)>.jsonl", ROWS)
    page = client.post(url, {"file": file, "pairs": 1}).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize("entry", ["0", "x", "9" * 30, "-1"])
def test_an_import_that_is_none_is_left_out_of_the_page(client, url, entry):
    answer = client.get(f"{url}?entry={entry}")
    assert (answer.status_code, answer.context["done"]) == (200, None)


def test_an_import_of_another_project_is_not_told(client, url):
    other = make_project()
    entry = write_entry(other, None, "import", other, file="theirs.jsonl", rows=3)
    assert "theirs.jsonl" not in client.get(f"{url}?entry={entry.pk}").content.decode()
