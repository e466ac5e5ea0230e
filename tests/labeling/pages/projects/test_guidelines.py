"""Guidelines have versions: each save adds one, and nobody overwrites what they have not seen."""

import pytest

from labeling.material.diffs import DiffLine, diff_lines
from labeling.models import Role
from labeling.projects.editing import GuidelinesMoved, save_guidelines
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def curator(project):
    return make_member(project, Role.CURATOR)


def test_a_save_adds_a_version_and_points_at_it(project, curator):
    version = save_guidelines(project, curator, "Prefer the short one.", written_on=1)
    project.refresh_from_db()
    assert project.guidelines == version
    assert [v.number for v in project.guideline_versions.all()] == [2, 1]


def test_the_same_text_is_no_new_version(project, curator):
    text = f"{project.guidelines.text}\r\n"
    assert save_guidelines(project, curator, text, written_on=1) is None
    assert project.guideline_versions.count() == 1


def test_nobody_overwrites_a_version_they_have_not_seen(project, curator):
    save_guidelines(project, curator, "Mine.", written_on=1)
    with pytest.raises(GuidelinesMoved, match=f"{curator} saved version 2"):
        save_guidelines(project, curator, "Yours.", written_on=1)
    assert project.guideline_versions.first().text == "Mine."


def test_a_diff_names_what_went_and_what_came():
    assert diff_lines("a\nb\nc", "a\nx\nc") == [
        DiffLine("same", "a"),
        DiffLine("removed", "b"),
        DiffLine("added", "x"),
        DiffLine("same", "c"),
    ]


def test_a_diff_leaves_out_long_unchanged_stretches():
    before = [str(n) for n in range(20)]
    after = [*before, "new"]
    lines = diff_lines("\n".join(before), "\n".join(after))
    assert lines[0] == DiffLine("gap", "", 18)
    assert [line.text for line in lines[1:]] == ["18", "19", "new"]
