"""What tests of the worker side share: a DATA_DIR of their own, and for pages the cast."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from labeling.models import Project
from tests.modeling.page_helpers import make_cast


@pytest.fixture(autouse=True)
def data_dir_of_its_own(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run numbers, and so folders, repeat."""
    settings.DATA_DIR = tmp_path_factory.mktemp("data")
    return settings.DATA_DIR


@pytest.fixture
def cast(project: Project) -> dict[str, Any]:
    """The people of the test module's own `project`."""
    return make_cast(project)


@pytest.fixture
def admin(client: Client, cast: dict[str, Any]) -> Client:
    """A browser in which the project's admin is signed in."""
    client.force_login(cast["admin"])
    return client
