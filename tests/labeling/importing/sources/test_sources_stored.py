"""What records of known data sets bring into a project, and what is said before they do."""

import gzip
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from labeling.importing import ImportOptions, ImportReport, import_file
from labeling.models import Preference, Project, Prompt, Role
from tests.factories import make_member, make_project
from tests.labeling.importing.sources.inputs import INPUTS

pytestmark = pytest.mark.django_db

MULTIPREF = INPUTS["MultiPref"].records[0]


def opinion(name: str, worker: str) -> dict[str, str]:
    return {"evaluator": worker, "overall_pref": name}


def take(project: Project, *records: dict[str, Any], **options: Any) -> ImportReport:
    content = "".join(json.dumps(record) + "\n" for record in records).encode()
    return import_file(
        project, None, io.BytesIO(content), name="data.jsonl", options=ImportOptions(**options)
    )


def test_several_annotators_of_one_record_are_its_labelers():
    record = MULTIPREF | {
        "normal_worker_annotations": [opinion("A-is-clearly-better", "v"), opinion("Tie", "w")],
        "expert_worker_annotations": [
            opinion("A-is-slightly-better", "x"),
            opinion("B-is-clearly-better", "y"),
            opinion("A-is-clearly-better", "z"),
        ],
    }
    project = make_project()
    rehearsed = take(project, record, dry_run=True)
    report = take(project, record)
    preference = Preference.objects.get()
    assert preference.chosen.text == "A."
    assert (preference.votes_chosen, preference.votes_rejected, preference.votes_tie) == (3, 1, 1)
    assert preference.target == pytest.approx(0.7)
    assert (report.preferences_new, report.judgments_new, report.labelers_new) == (1, 5, 5)
    assert report.as_dict() | {"dry_run": True, "seconds": 0.0, "import_id": 0} == (
        rehearsed.as_dict() | {"seconds": 0.0}
    )


def test_votes_of_several_records_about_one_pair_count_together():
    project = make_project()
    take(project, *INPUTS["Summarize from feedback, comparisons"].records)
    preference = Preference.objects.get()
    assert preference.kind == "tie"
    assert preference.votes_chosen == preference.votes_rejected == 1


def test_a_second_import_of_the_same_data_set_adds_nothing():
    project = make_project()
    records = INPUTS["OpenAssistant trees"].records + INPUTS["HelpSteer2 ratings"].records
    first = take(project, *records)
    again = take(project, *records)
    assert first.prompts_new == 4
    assert (again.prompts_new, again.responses_new, again.preferences_new) == (0, 0, 0)


def test_the_page_says_what_was_recognised_before_anything_is_stored(client, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    project = make_project()
    client.force_login(make_member(project, Role.CURATOR))
    rows = b"history,human_ref_A,human_ref_B,labels\nWhy?,A.,B.,1\n"
    file = SimpleUploadedFile("shp.csv.gz", gzip.compress(rows))
    address = f"/projects/{project.slug}/import/"
    answer = client.post(address, {"file": file, "pairs": 1, "tags": ""})
    assert "recognised as SHP, 1 record" in answer.content.decode()
    assert not Prompt.objects.exists()
    fields = {name: answer.context[name] for name in ("token", "name", "pairs", "tags")}
    client.post(address, fields)
    assert Preference.objects.get().chosen.text == "A."


def test_the_page_names_file_and_row_of_a_fault(client, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    project = make_project()
    client.force_login(make_member(project, Role.CURATOR))
    file = SimpleUploadedFile("rows.csv", b"prompt,chosen,rejected\nOne?,a,b\nTwo?,a\n")
    answer = client.post(
        f"/projects/{project.slug}/import/", {"file": file, "pairs": 1, "tags": ""}
    )
    assert answer.status_code == 422
    assert "row 2" in answer.content.decode()


def test_the_api_says_what_was_recognised(client):
    project = make_project()
    client.force_login(make_member(project, Role.CURATOR))
    rows = json.dumps(INPUTS["Nectar"].records).encode()
    answer = client.post(
        f"/api/v1/projects/{project.slug}/imports/?dry_run=true",
        rows,
        content_type="application/octet-stream",
    ).json()
    assert answer["notices"][0].startswith("recognised as Nectar, 1 record: ")
    assert answer["preferences_new"] == 3
    assert not Prompt.objects.exists()


def test_the_command_says_what_was_recognised(tmp_path, capsys):
    path = tmp_path / "pku.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in INPUTS["PKU-SafeRLHF"].records))
    call_command("import_data", make_project().slug, path, dry_run=True)
    assert "note  recognised as PKU-SafeRLHF, 2 records: better_response_id" in (
        capsys.readouterr().out
    )
