"""The API's own description: complete, valid, and shown without a network."""

import re
from functools import cache
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from labeling.api.conventions.schema import REFUSALS
from labeling.api.data.imports import ReportSerializer
from labeling.importing import ImportReport


def test_the_schema_is_valid_and_without_warnings(tmp_path):
    path = tmp_path / "schema.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(path))
    schema = yaml.safe_load(path.read_text())
    assert "/api/v1/projects/{slug}/preferences/" in schema["paths"]
    parameters = schema["paths"]["/api/v1/projects/{slug}/preferences/"]["get"]["parameters"]
    assert {"after", "settled_since", "split", "include_ties"} <= {p["name"] for p in parameters}


@cache
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations() -> list[Any]:
    return [one for methods in schema()["paths"].values() for one in methods.values()]


def statuses(operation_id: str) -> set[int]:
    (operation,) = (one for one in operations() if one["operationId"] == operation_id)
    return {int(status) for status in operation["responses"]}


def test_every_operation_says_how_it_refuses_without_being_told_to():
    assert statuses("get_projects") == {200, 401, 403, 429, 503}
    assert statuses("get_project") == {200, 401, 403, 404, 429, 503}
    assert statuses("get_judgments") == {200, 400, 401, 403, 404, 429, 503}
    assert statuses("post_score") == {200, 400, 401, 403, 404, 413, 415, 429, 503}
    assert statuses("post_undo") == {200, 400, 401, 403, 404, 409, 413, 429, 503}


def test_every_refusal_is_one_of_the_shared_problem_details():
    for operation in operations():
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                name = REFUSALS[int(status)].name
                assert answer == {"$ref": f"#/components/responses/{name}"}, operation
    for status, refusal in REFUSALS.items():
        content = schema()["components"]["responses"][refusal.name]["content"]
        described = content["application/problem+json"]
        assert described["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert described["example"]["status"] == status


def test_every_operation_has_a_name_a_summary_a_tag_and_a_scope_of_its_own():
    names = [one["operationId"] for one in operations()]
    assert len(names) == len(set(names))
    assert {"get_preferences", "post_imports", "patch_loop_settings"} <= set(names)
    methods = ("get_", "post_", "put_", "patch_", "delete_")
    assert [name for name in names if not name.startswith(methods)] == []
    tags = {tag["name"]: tag["description"] for tag in schema()["tags"]}
    for operation in operations():
        assert operation["summary"], operation["operationId"]
        assert f"scope `{operation['x-scope']}`" in operation["description"]
        assert all(tags[tag] for tag in operation["tags"])


def test_a_key_is_sent_as_a_bearer_token():
    scheme = schema()["components"]["securitySchemes"]["tokenAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_the_report_is_described_as_it_is():
    assert set(ReportSerializer().fields) == set(ImportReport().as_dict())


@pytest.mark.django_db
def test_schema_and_docs_are_served(client):
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/").content.decode()
    assert "js/api_docs.js" in page and 'data-schema="/api/schema/"' in page


@pytest.mark.django_db
def test_the_docs_load_nothing_from_elsewhere(client):
    page = client.get("/api/docs/").content.decode()
    sources = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/") for source in sources)
    for source in sources:
        response = client.get(source)
        assert response.status_code == 200
        response.close()
