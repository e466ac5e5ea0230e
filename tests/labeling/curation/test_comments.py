"""Who reads and writes comments, whom they mention, and how they are settled."""

import pytest

from labeling.curation import comments
from labeling.curation.comments import CannotComment, add_comment, comment_page, readable, resolve
from labeling.models import AuditEntry, Comment, Preference, Project, Role, User
from tests.factories import (
    claim,
    claim_and_judge,
    make_comparisons,
    make_member,
    make_project,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_comparisons(project, 3)
    return project


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, Role.CURATOR, "cora")


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project, Role.LABELER, "lee")


def judged_by(labeler: User, project: Project) -> int:
    claim_and_judge(labeler, project)
    return Preference.objects.filter(project=project).latest("pk").comparison_id


def texts(project: Project, user: User) -> list[str]:
    return [comment.text for comment in readable(project, user)]


def test_curators_read_all_and_labelers_what_is_for_them(project, curator, labeler):
    comparison = judged_by(labeler, project)
    other = make_member(project, Role.LABELER, "olly")
    add_comment(project, curator, comparison, "Among us.")
    add_comment(project, curator, comparison, "For you.", to_labelers=True)
    add_comment(project, labeler, comparison, "I was unsure.")
    assert texts(project, curator) == ["I was unsure.", "For you.", "Among us."]
    assert texts(project, labeler) == ["I was unsure.", "For you."]
    assert texts(project, other) == []


def test_a_labeler_reads_nothing_about_a_comparison_that_waits_for_them(project, curator, labeler):
    assignment = claim(labeler, project)
    add_comment(project, curator, assignment.comparison_id, "A is right.", to_labelers=True)
    assert texts(project, labeler) == []
    with pytest.raises(CannotComment, match="There is no comparison"):
        add_comment(project, labeler, assignment.comparison_id, "What is this?")


def test_what_a_labeler_may_not_comment_on_looks_like_what_is_not_there(project, labeler):
    waiting = project.comparisons.latest("pk").pk
    refused = []
    for comparison in (waiting, waiting + 1_000):
        with pytest.raises(CannotComment) as problem:
            add_comment(project, labeler, comparison, "Hm")
        refused.append((problem.value.field, str(problem.value).replace(str(comparison), "N")))
    assert refused[0] == refused[1]


def test_a_labeler_cannot_speak_to_other_labelers(project, labeler):
    comparison = judged_by(labeler, project)
    assert not add_comment(project, labeler, comparison, "A!", to_labelers=True).to_labelers


def test_a_comparison_of_another_project_is_not_there(curator, project):
    elsewhere = make_project()
    (comparison,) = make_comparisons(elsewhere, 1)
    with pytest.raises(CannotComment, match="There is no comparison"):
        add_comment(project, curator, comparison.pk, "Hm")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@lee, look. And @CORA!", {"lee", "cora"}),
        ("Ask @lee.", {"lee"}),
        ("Write to a@lee or @nobody or @stranger", set()),
        ("@@lee", set()),
        ("(@lee)", {"lee"}),
    ],
)
def test_an_at_sign_before_a_members_name_mentions_them(project, curator, labeler, text, names):
    make_user("stranger")
    comment = add_comment(project, curator, judged_by(labeler, project), text)
    assert {person.username for person in comment.mentions.all()} == names


def test_a_labeler_learns_by_no_mention_who_else_is_there(project, curator, labeler):
    make_member(project, Role.LABELER, "olly")
    comparison = judged_by(labeler, project)
    comment = add_comment(project, labeler, comparison, "@olly @cora @lee @nobody")
    assert [person.username for person in comment.mentions.all()] == ["cora"]


@pytest.mark.parametrize("text", ["", "  \n", "a\0b", "x" * 5_001])
def test_nothing_and_too_much_are_refused(project, curator, labeler, text):
    with pytest.raises(CannotComment):
        add_comment(project, curator, judged_by(labeler, project), text)
    assert not Comment.objects.exists()


def test_a_labeler_does_not_fill_a_comparison(project, curator, labeler, monkeypatch):
    monkeypatch.setattr(comments, "MOST_OF_LABELER", 2)
    comparison = judged_by(labeler, project)
    for _ in range(2):
        add_comment(project, labeler, comparison, "Again")
    with pytest.raises(CannotComment, match="You have written 2"):
        add_comment(project, labeler, comparison, "Again")
    add_comment(project, curator, comparison, "Enough.")
    monkeypatch.setattr(comments, "MOST_OF_COMPARISON", 3)
    with pytest.raises(CannotComment, match="has 3 comments"):
        add_comment(project, curator, comparison, "More")


def test_a_comment_is_settled_once_opened_again_and_audited(project, curator, labeler):
    comment = add_comment(project, curator, judged_by(labeler, project), "@lee?")
    assert resolve(project, curator, comment.pk)
    assert not resolve(project, curator, comment.pk)
    assert not resolve(make_project(), curator, comment.pk, resolved=False)
    comment.refresh_from_db()
    assert comment.resolved_by == curator
    assert comment_page(project, curator).comments == []
    assert comment_page(project, curator, resolved=True).comments == [comment]
    assert resolve(project, curator, comment.pk, resolved=False)
    assert comment_page(project, labeler, mentioned=True).comments == []  # not for labelers
    actions = AuditEntry.objects.filter(target_type="comment").values_list("action", flat=True)
    assert sorted(actions) == ["reopen", "resolve"]


def test_a_page_goes_on_where_it_ended(project, curator, labeler, monkeypatch):
    monkeypatch.setattr(comments, "PAGE", 2)
    comparison = judged_by(labeler, project)
    for number in range(3):
        add_comment(project, curator, comparison, f"{number}")
    first = comment_page(project, curator)
    assert [one.text for one in first.comments] == ["2", "1"]
    last = comment_page(project, curator, before=first.following)
    assert [one.text for one in last.comments] == ["0"] and last.following is None


def test_what_somebody_wrote_stays_when_they_leave(project, curator, labeler):
    comment = add_comment(project, curator, judged_by(labeler, project), "Look.")
    curator.delete()
    comment.refresh_from_db()
    assert comment.author is None and comment.text == "Look."
