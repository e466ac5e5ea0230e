"""The import page: check, look, import; and the page that makes API tokens."""

import csv
import json
import os
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from labeling import tasks
from labeling.importing.kept.uploads import keep_upload, kept_upload
from labeling.models import AuditEntry, Import, Prompt, Role, User
from labeling.pages.projects import importing
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
    assert "Undo this import" in page
    assert "rows.jsonl" in client.get(url).content.decode()
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


@pytest.mark.parametrize(("kind", "words"), [("tie", "tie"), ("both_bad", "both bad")])
def test_no_response_of_a_tie_is_shown_as_chosen(client, url, kind, words):
    row = {"prompt": "One?", "chosen": "a", "rejected": "b", "kind": kind}
    page = upload(client, url, json.dumps(row).encode()).content.decode()
    assert page.count(f'<span class="badge">{words}</span>') == 2
    assert '<span class="badge">chosen</span>' not in page


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
    client.post(url, fields)
    assert project.prompts.count() == 2
    job = Import.objects.get()
    page = client.get(f"/projects/{project.slug}/imports/{job.pk}/").content.decode()
    assert "2 rows with errors, skipped" in page
    table = client.get(f"/projects/{project.slug}/imports/{job.pk}/skipped.csv")
    rows = list(csv.DictReader(table.getvalue().decode().splitlines()))
    assert [(row["file"], row["line"], row["field"], row["beginning"]) for row in rows] == [
        ("rows.jsonl", "2", "prompt", '{"prompt": 7}'),
        ("rows.jsonl", "4", "line", "nonsense"),
    ]


def test_a_form_without_file_says_so(client, url):
    response = client.post(url, {"pairs": 1})
    assert response.status_code == 422
    assert "Choose a file, paste rows or name a data set." in response.content.decode()


@pytest.mark.parametrize("token", ["../../etc/passwd", "f" * 32, ""])
def test_only_own_tokens_name_a_file(client, url, token):
    fields = {"token": token, "name": "x", "pairs": 1}
    assert client.post(url, fields).status_code == 302
    assert not Prompt.objects.exists()


def test_old_uploads_are_removed_when_a_new_one_comes(tmp_path):
    token = keep_upload([("a", [b"old"])], 1)
    upload = kept_upload(token, 1)
    assert upload is not None
    day_before_yesterday = time.time() - 2 * 24 * 3600
    os.utime(upload.folder, (day_before_yesterday, day_before_yesterday))
    keep_upload([("b", [b"new"])], 1)
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


@pytest.mark.parametrize("number", ["0", "9" * 30])
def test_an_import_that_is_none_is_not_found(client, url, project, number):
    assert client.get(f"/projects/{project.slug}/imports/{number}/").status_code == 404


def test_an_import_of_another_project_is_not_told(client, url, project):
    theirs = Import.objects.create(
        project=make_project(), name="theirs.jsonl", touched_at=timezone.now()
    )
    assert "theirs.jsonl" not in client.get(url).content.decode()
    assert client.get(f"/projects/{project.slug}/imports/{theirs.pk}/").status_code == 404


def several(client, url, *contents: bytes, **fields):
    files = [SimpleUploadedFile(f"{n}.jsonl", content) for n, content in enumerate(contents)]
    return client.post(url, {"file": files, "pairs": 1, "tags": "", **fields})


def confirm(client, url, response):
    fields = {name: response.context[name] for name in ("token", "name", "pairs", "tags")}
    return client.post(url, fields, follow=True)


def test_several_files_are_one_import(client, url, project):
    response = several(client, url, b'{"prompt": "One?"}\n', b'{"prompt": "Two?"}\n')
    assert "Import 2 rows" in response.content.decode()
    page = confirm(client, url, response).content.decode()
    assert "0.jsonl, 1.jsonl" in page
    assert (Import.objects.count(), project.prompts.count()) == (1, 2)


def test_a_fault_in_one_of_several_files_names_the_file(client, url):
    response = several(client, url, b'{"prompt": 7}\n', b'{"prompt": "One?"}\n', b"PAR1 no more")
    page = response.content.decode()
    assert response.status_code == 422
    assert "line 1 of 0.jsonl" in page
    assert "2.jsonl" in page
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt": "One?"}\r\n{"prompt": "Two?"}',
        '[{"prompt": "One?"}, {"prompt": "Two?"}]',
        'prompt,chosen,rejected\r\nOne?,a,b\r\n"Two\r\nlines?",a,b\r\n',
    ],
)
def test_rows_can_be_pasted(client, url, project, text):
    response = client.post(url, {"pasted": text, "pairs": 1, "tags": ""})
    assert "Import 2 rows" in response.content.decode()
    assert "pasted rows" in confirm(client, url, response).content.decode()
    prompts = [prompt.last_message for prompt in project.prompts.order_by("pk")]
    assert prompts[0] == "One?"
    assert prompts[1] in ("Two?", "Two\nlines?")


def test_pasted_rows_are_checked_as_files_are(client, url):
    response = client.post(url, {"pasted": '{"prompt": 7}', "pairs": 1, "tags": ""})
    assert response.status_code == 422
    assert "Must be a text" in response.content.decode()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pasted": "x", "hub_id": "org/name"}, "hub_id"),
        ({"hub_id": "../../etc/passwd"}, "hub_id"),
        ({"hub_id": "http://169.254.169.254/x"}, "hub_id"),
        ({"hub_id": "org/name", "hub_revision": "../x"}, "hub_id"),
        ({"hub_split": "train"}, "file"),
    ],
)
def test_what_contradicts_itself_or_is_no_data_set_is_named(client, url, fields, field):
    response = client.post(url, {"pairs": 1, "tags": "", **fields})
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Import.objects.exists()


def test_what_comes_of_it_is_told_before_it_is_done(client, url, project):
    confirm(client, url, upload(client, url, b'{"prompt": "One?"}\n'))
    page = upload(client, url, b'{"prompt": "One?"}\n{"prompt": "Two?"}\n{"prompt": "Two?"}\n')
    lines = dict(page.context["expected"].lines())
    assert lines["new prompts"] == 1
    assert lines["repeated prompts, merged"] == 2
    assert lines["of the repeated prompts, in the project before"] == 1
    assert "What it would bring" in page.content.decode()
    assert project.prompts.count() == 1


def test_a_large_upload_goes_to_a_worker_and_its_page_tells_how_far_it_is(
    client, url, project, monkeypatch
):
    monkeypatch.setattr(importing, "IN_BACKGROUND_BYTES", 10)
    response = upload(client, url)
    job = Import.objects.get()
    detail = f"/projects/{project.slug}/imports/{job.pk}/"
    assert response.url == detail
    page = client.get(detail).content.decode()
    assert "waits for a worker" in page
    assert f'hx-get="{detail}live/"' in page
    tasks.go_on_with_import(job.pk)
    page = client.get(f"{detail}live/").content.decode()
    assert "waits for you" in page
    assert "Import 2 rows" in page
    assert "hx-get" not in page
    assert client.post(f"{detail}take/").url == detail
    tasks.go_on_with_import(job.pk)
    assert project.prompts.count() == 2
    assert "Undo this import" in client.get(detail).content.decode()


def test_a_large_upload_of_an_unknown_shape_is_mapped_first(client, url, monkeypatch):
    monkeypatch.setattr(importing, "IN_BACKGROUND_BYTES", 10)
    response = upload(client, url, b'{"frage": "One?", "antwort": "x"}\n')
    assert "What the columns are" in response.content.decode()
    assert not Import.objects.exists()


def test_it_can_be_given_up(client, url, project, monkeypatch):
    monkeypatch.setattr(importing, "IN_BACKGROUND_BYTES", 10)
    upload(client, url)
    job = Import.objects.get()
    client.post(f"/projects/{project.slug}/imports/{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.state == "cancelled"
    page = client.get(f"/projects/{project.slug}/imports/{job.pk}/").content.decode()
    assert "gave it up" in page


def test_an_undo_is_shown_before_it_is_done(client, url, project):
    confirm(client, url, upload(client, url))
    job = Import.objects.get()
    detail = f"/projects/{project.slug}/imports/{job.pk}/"
    page = client.get(f"{detail}undo/").content.decode()
    assert "Prompts taken back" in page
    assert project.prompts.count() == 2
    page = client.post(f"{detail}undo/", {"reason": "Wrong file"}, follow=True).content.decode()
    assert "What was taken back" in page
    assert project.prompts.count() == 0
    assert AuditEntry.objects.get(action="undo import").reason == "Wrong file"
