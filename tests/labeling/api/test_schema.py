"""The API's own description: complete, valid, and shown without a network."""

import re

import pytest
import yaml
from django.core.management import call_command

from labeling.api.data.imports import ReportSerializer
from labeling.importing import ImportReport


def test_the_schema_is_valid_and_without_warnings(tmp_path):
    path = tmp_path / "schema.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(path))
    schema = yaml.safe_load(path.read_text())
    assert "/api/v1/projects/{slug}/preferences/" in schema["paths"]
    parameters = schema["paths"]["/api/v1/projects/{slug}/preferences/"]["get"]["parameters"]
    assert {"after", "settled_since", "split", "include_ties"} <= {p["name"] for p in parameters}


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
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/") for source in sources)
    for source in sources:
        response = client.get(source)
        assert response.status_code == 200
        response.close()
