"""Each test of the worker side has a DATA_DIR of its own: run numbers, and so folders, repeat."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def data_dir_of_its_own(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings.DATA_DIR = tmp_path_factory.mktemp("data")
    return settings.DATA_DIR
