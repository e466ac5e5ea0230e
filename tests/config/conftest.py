"""A database to start `manage.py up` with."""

from pathlib import Path
from typing import Any

import pytest

from tests.config.up_helpers import manage


@pytest.fixture(scope="session")
def prepared_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; a user in it means that no demo project is made."""
    folder = tmp_path_factory.mktemp("prepared")
    assert manage(folder, "migrate", "--verbosity", "0") == (0, "")
    names: dict[str, Any] = {
        "DJANGO_SUPERUSER_USERNAME": "ada",
        "DJANGO_SUPERUSER_PASSWORD": "not-a-secret-1",
    }
    mail: dict[str, Any] = {"DJANGO_SUPERUSER_EMAIL": "ada@example.org"}
    code, output = manage(folder, "createsuperuser", "--noinput", **names, **mail)
    assert code == 0, output
    return folder / "preferable.sqlite3"
