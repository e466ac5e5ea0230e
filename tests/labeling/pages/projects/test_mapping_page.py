"""The page that asks what a file's columns are: it comes where a shape is not known, shows what
rows would look like, hands the mapping out, and leads to the usual import."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from labeling.importing.sources.mapping import ColumnMapping
from labeling.models import Project, Prompt, Role
from tests.factories import make_member, make_project
from tests.labeling.importing.test_mapping import ROWS, THREE_PEOPLE, as_file

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def curator(project: Project, client: Client) -> Client:
    client.force_login(make_member(project, Role.CURATOR))
    return client


def upload(client: Client, project: Project, rows: Any = ROWS, **fields: Any) -> Any:
    file = SimpleUploadedFile("votes.jsonl", as_file(rows).read())
    address = reverse("import", args=[project.slug])
    return client.post(address, {"file": file, "pairs": 1, "tags": "", **fields})


def choices_of(page: Any) -> dict[str, Any]:
    """What the form of the page would send."""
    context = page.context
    sent = {name: context[name] for name in ("token", "name", "pairs", "tags")}
    for number, (column, role) in enumerate(context["columns"]):
        sent |= {f"column-{number}": column.path, f"role-{number}": role}
    for number, (word, meaning) in enumerate(context["values"]):
        sent |= {f"value-{number}": word, f"meaning-{number}": meaning}
    return sent | {"higher_is_better": "yes", "added": list(context["added"])}


def send(client: Client, project: Project, sent: dict[str, Any], **more: Any) -> Any:
    headers = more.pop("headers", None)
    return client.post(
        reverse("map-columns", args=[project.slug]), {**sent, **more}, headers=headers
    )


def role_of(page: Any, path: str) -> str:
    """The name of the field that says what this column is."""
    paths = [column.path for column, _ in page.context["columns"]]
    return f"role-{paths.index(path)}"


def test_a_file_of_no_known_shape_is_asked_about_and_nothing_is_stored(
    curator: Client, project: Project
) -> None:
    page = upload(curator, project)
    assert page.status_code == 200
    text = page.content.decode()
    assert "What the columns are" in text
    assert "3 votes: A is better 2, B is better 1" in text
    assert not Prompt.objects.exists()


def test_columns_that_would_be_lost_are_asked_about(curator: Client, project: Project) -> None:
    rows = [{"prompt": "Q", "responses": ["X", "Y"], "judgments": [1, 2, 1]}]
    assert "What the columns are" in upload(curator, project, rows).content.decode()


def test_a_known_shape_is_asked_about_where_that_is_ticked(
    curator: Client, project: Project
) -> None:
    rows = [{"prompt": "Q", "chosen": "X", "rejected": "Y"}]
    assert "What the columns are" not in upload(curator, project, rows).content.decode()
    page = upload(curator, project, rows, map_columns="on")
    assert "What the columns are" in page.content.decode()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"nonsense\n"])
def test_what_cannot_be_read_is_refused_as_ever(
    curator: Client, project: Project, content: bytes
) -> None:
    file = SimpleUploadedFile("rows.jsonl", content)
    address = reverse("import", args=[project.slug])
    page = curator.post(address, {"file": file, "pairs": 1, "map_columns": "on"})
    assert page.status_code == 422
    assert "was not imported" in page.content.decode()


def test_a_change_of_a_choice_changes_the_rows_that_are_shown(
    curator: Client, project: Project
) -> None:
    page = upload(curator, project)
    sent = choices_of(page) | {role_of(page, "people"): ""}
    answer = send(curator, project, sent, headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert text.lstrip().startswith('<div id="mapped-rows">')
    assert "Nobody said yet which is better" in text
    whole = send(curator, project, sent, do="show").content.decode()
    assert "<h1>" in whole
    assert "Nobody said yet which is better" in whole


def test_choices_that_contradict_each_other_are_named_and_go_no_further(
    curator: Client, project: Project
) -> None:
    page = upload(curator, project)
    sent = choices_of(page) | {role_of(page, "by"): "prompt"}
    words = "Prompt is chosen for 2 columns: task, by."
    for action, status in (("show", 200), ("check", 422), ("download", 422)):
        answer = send(curator, project, sent, do=action)
        assert answer.status_code == status
        assert words in answer.content.decode()


def test_the_mapping_can_be_downloaded(curator: Client, project: Project) -> None:
    answer = send(curator, project, choices_of(upload(curator, project)), do="download")
    assert "attachment" in answer["Content-Disposition"]
    assert ColumnMapping.from_json(answer.content) == THREE_PEOPLE


def test_a_checked_mapping_leads_to_the_import_of_all_votes(
    curator: Client, project: Project, data_dir: Path
) -> None:
    checked = send(curator, project, choices_of(upload(curator, project)), do="check")
    assert "Import 9 rows" in checked.content.decode()
    assert not Prompt.objects.exists()
    names = ("token", "name", "pairs", "tags", "mapping")
    confirmed = {name: checked.context[name] for name in names}
    done = curator.post(reverse("import", args=[project.slug]), confirmed, follow=True)
    assert "Further votes for a pair of the file, counted" in done.content.decode()
    votes = project.preferences.order_by("id").values_list("votes_chosen", "votes_rejected")
    assert list(votes) == [(2, 1), (3, 0), (1, 1)]
    assert not list((data_dir / "uploads").iterdir())


def test_one_may_go_back_from_the_check_to_the_same_choices(
    curator: Client, project: Project
) -> None:
    checked = send(curator, project, choices_of(upload(curator, project)), do="check")
    names = ("token", "name", "pairs", "tags", "mapping")
    again = send(curator, project, {name: checked.context[name] for name in names})
    roles = {column.path: role for column, role in again.context["columns"] if role}
    assert (roles["people"], roles["by"]) == ("verdict", "model_list")
    assert dict(again.context["values"]) == {"0": "tie", "1": "first", "2": "second"}


def test_a_value_that_only_later_rows_have_can_be_added(curator: Client, project: Project) -> None:
    rows = [*ROWS * 200, {**ROWS[0], "people": [9]}]
    sent = choices_of(upload(curator, project, rows))
    refused = send(curator, project, sent, do="check")
    assert refused.status_code == 422
    assert "9 is none of the values" in refused.content.decode()
    new = {"value-new": "9", "meaning-new": "ignored"}
    checked = send(curator, project, sent | new, do="check")
    assert json.loads(checked.context["mapping"])["ignored"] == ["9"]
    shown = send(curator, project, sent | new, do="show")
    kept = send(curator, project, choices_of(shown), do="download")
    assert ColumnMapping.from_json(kept.content).ignored == ("9",)


def test_rows_with_errors_are_skipped_where_that_is_ticked(
    curator: Client, project: Project
) -> None:
    sent = choices_of(upload(curator, project, [*ROWS, {**ROWS[0], "outputs": ["X", True]}]))
    assert send(curator, project, sent, do="check").status_code == 422
    checked = send(curator, project, sent, do="check", skip_bad="on")
    assert checked.context["checked"].skipped == 1


def test_nobody_else_reaches_an_upload_by_its_token(curator: Client, project: Project) -> None:
    sent = choices_of(upload(curator, project))
    other = Client()
    other.force_login(make_member(project, Role.CURATOR))
    answer = send(other, project, sent)
    assert answer["Location"] == reverse("import", args=[project.slug])
    taken = other.post(
        reverse("import", args=[project.slug]), {**sent, "mapping": THREE_PEOPLE.to_json()}
    )
    assert taken.status_code == 302
    assert not Prompt.objects.exists()
    assert send(curator, project, sent).status_code == 200


def test_an_upload_that_is_gone_sends_back_to_the_import(curator: Client, project: Project) -> None:
    sent = choices_of(upload(curator, project)) | {"token": "0" * 32}
    home = reverse("import", args=[project.slug])
    assert send(curator, project, sent)["Location"] == home
    assert send(curator, project, sent, headers={"HX-Request": "true"})["HX-Redirect"] == home
    assert curator.get(reverse("map-columns", args=[project.slug]))["Location"] == home


def test_a_labeler_maps_nothing(project: Project, client: Client) -> None:
    client.force_login(make_member(project, Role.LABELER))
    assert send(client, project, {}).status_code == 403


def test_what_a_file_says_is_shown_as_text(curator: Client, project: Project) -> None:
    rows = [{"<i>q": "<b>Q</b>", "outputs": ["<script>", "Y"], "people": ["<a>"]}]
    text = upload(curator, project, rows, map_columns="on").content.decode()
    assert "<b>Q" not in text
    assert "<i>q" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    "line",
    [
        rb'{"task": "Q", "outputs": ["X \ud800", "Y"], "people": ["\ud800"], "\ud800": 1}',
        rb'{"task": "Q\u0000", "outputs": ["X", "Y\u0000"], "people": ["\u0000"]}',
        b'{"task": "Q", "outputs": ' + b"[" * 900 + b"]" * 900 + b', "people": [1]}',
        b'{"task": "Q", "outputs": [{"role": "assistant"}, {}], "people": [NaN, 1e999]}',
        b'{"": "Q", "[]": ["X", "Y"], ".": [1], "task": {"": {"": 1}}}',
    ],
)
def test_a_strange_row_is_shown_and_checked_without_a_fault_of_ours(
    curator: Client, project: Project, line: bytes
) -> None:
    content = as_file(ROWS).read() + line + b"\n"
    for body in (content, line + b"\n" + content):
        file = SimpleUploadedFile("rows.jsonl", body)
        fields = {"file": file, "pairs": 1, "map_columns": "on"}
        page = curator.post(reverse("import", args=[project.slug]), fields)
        assert page.status_code == 200
        answer = send(curator, project, choices_of(page), do="check")
        assert answer.status_code in (200, 422)


def test_columns_of_good_and_bad_answers_become_preferences(
    curator: Client, project: Project
) -> None:
    rows = [
        {"topic": f"What is {number}?", "good answer": f"{number}!", "bad answer": "I do not know."}
        for number in range(3)
    ]
    page = upload(curator, project, rows)
    assert page.context["best_first"], "guessed by the columns' names"
    sent = choices_of(page) | {"best_first": "yes"}
    shown = send(curator, project, sent, look="1", headers={"HX-Request": "true"})
    assert b"The better ones first" in shown.content
    asked = send(curator, project, sent | {"best_first": "no"}, headers={"HX-Request": "true"})
    assert b"Nobody said yet which is better" in asked.content
