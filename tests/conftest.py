"""What every test needs: no network for models, and no Redis unless a test starts one."""

import os
from collections.abc import Iterator

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
# Many small processes on few cores: spinning OpenMP threads would only be in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Playwright's event loop runs in the test's thread, where Django would refuse the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.chromium import ARGUMENTS, find_chromium

# Patience costs nothing where things work, and a busy machine is no fault of the page.
expect.set_options(timeout=20_000)
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


# What starts processes of its own has the database from the environment and says so nowhere.
STARTS_PROCESSES = {"config", "end_to_end"}
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "upgraded"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only-database", action="store_true", help="leave out tests that use no database"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For another database than the usual one: what knows none is not run a second time."""
    if not config.getoption("--only-database"):
        return
    config.hook.pytest_deselected(items=[item for item in items if not uses_database(item)])
    items[:] = [item for item in items if uses_database(item)]


def uses_database(item: pytest.Item) -> bool:
    used = DATABASE_FIXTURES & set(getattr(item, "fixturenames", ()))
    starts_processes = not STARTS_PROCESSES.isdisjoint(item.path.parts)
    return bool(used or item.get_closest_marker("django_db") or starts_processes)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Module by module: its event loop must not stay behind in other tests' thread."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page in a fresh profile; a script error on it fails the test."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(45_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []
