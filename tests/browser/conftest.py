"""Ada before her first comparison of six: for tests of what happens to answers on their way."""

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, User
from tests.comparison_screen import (
    add_comparisons,
    on_screen,
    plain_pairs,
    sign_in,
    with_next_ready,
)
from tests.factories import make_member, make_project


@pytest.fixture
def project() -> Project:
    project = make_project(name="Kindness", question="Which is kinder?", random_share=0)
    add_comparisons(project, *plain_pairs(6))
    return project


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project, name="ada")


@pytest.fixture
def path(page: Page, live_server: LiveServer, project: Project, labeler: User) -> str:
    """Signed in, the first comparison on screen and the second one ready."""
    path = f"/projects/{project.slug}/label/"
    sign_in(page, live_server, path)
    on_screen(page, 1)
    with_next_ready(page)
    return path
