"""What Preferable writes is for its owner alone, also in a folder that was open before."""

import os
import re
import stat
from pathlib import Path

import pytest

from config import private_files
from tests.config.up_helpers import manage


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_a_new_folder_and_all_in_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    code, output = manage(data_dir, "migrate", "--verbosity", "0", HF_HUB_OFFLINE="1")
    assert (code, output) == (0, "")
    assert mode(data_dir) == 0o700
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"preferable.sqlite3", "secret-key"}
    assert {mode(path) for path in files} == {0o600}


@pytest.mark.usefixtures("open_umask")
def test_a_folder_that_was_open_is_closed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "runs" / "7").mkdir(parents=True)
    (tmp_path / "preferable.sqlite3").touch()
    (tmp_path / "holiday.jpg").touch()
    tmp_path.chmod(0o755)
    private_files.keep_private(tmp_path)
    assert [mode(tmp_path / name) for name in (".", "runs", "preferable.sqlite3")] == [
        0o700,
        0o700,
        0o600,
    ]
    assert mode(tmp_path / "holiday.jpg") == 0o644  # not ours
    (tmp_path / "new").touch()
    assert mode(tmp_path / "new") == 0o600


def test_a_folder_that_everybody_shares_is_left_and_told_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    private_files.keep_private(tmp_path)
    assert private_files.is_open_to_others(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere, data_dir = tmp_path / "elsewhere", tmp_path / "data"
    elsewhere.mkdir(mode=0o755)
    elsewhere.chmod(0o755)
    data_dir.mkdir()
    (data_dir / "runs").symlink_to(elsewhere)
    private_files.keep_private(data_dir)
    assert mode(elsewhere) == 0o755


def test_what_lies_in_data_dir_is_known() -> None:
    """Every name that the code puts there."""
    root = Path(private_files.__file__).resolve().parents[1]
    sources = [
        path.read_text()
        for folder in ("config", "labeling", "modeling")
        for path in (root / folder).rglob("*.py")
        if path.name != "settings_test.py"
    ]
    named = {
        name
        for text in sources
        for name in re.findall(r'(?:DATA_DIR\)?|data_dir) / "([\w.-]+)"', text)
    }
    assert len(named) > 6
    assert named - set(private_files.OURS) == set()
