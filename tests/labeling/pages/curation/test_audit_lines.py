"""Entries of the audit log in words: names, choices, old → new, and nothing that is lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import AuditEntry, Membership, Project
from labeling.pages.curation.audit_lines import LONG, AuditLine, Value, in_words, lines_of
from labeling.people.audit import write_entry
from tests.factories import make_member, make_project, make_user


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        ("", "nothing"),
        ([], "nothing"),
        ({}, "nothing"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "1e-07"),
        (["a", None, 2], "a, nothing, 2"),
        ({"a_b": 1, "c": [True]}, "a b: 1; c: yes"),
        ({"a": {"b": {}}}, "a: b: nothing"),
        ("as it is", "as it is"),
    ],
)
def test_a_value_is_said_whatever_it_is(value: Any, words: str) -> None:
    assert in_words(value) == words


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(JSON)
def test_no_value_is_an_error_or_empty(value: Any) -> None:
    words = in_words(value)
    assert isinstance(words, str)
    assert words or value in (" ",) or str(value) != ""


@pytest.mark.parametrize(("length", "is_long"), [(0, False), (LONG, False), (LONG + 1, True)])
def test_only_what_is_longer_than_a_line_is_folded(length: int, is_long: bool) -> None:
    value = Value("x" * length)
    assert value.is_long is is_long
    if is_long:
        assert value.beginning == "x" * LONG + "…"


def line(project: Project, target: Any, **details: Any) -> AuditLine:
    write_entry(project, None, "change", target, **details)
    (one,) = lines_of(project, [AuditEntry.objects.latest("id")])
    return one


def told(one: AuditLine) -> list[tuple[str, str | None, str]]:
    return [
        (detail.name, detail.before.text if detail.before else None, detail.value.text)
        for detail in one.details
    ]


@pytest.mark.django_db
def test_a_changed_setting_is_called_as_on_its_page_with_old_and_new() -> None:
    project = make_project(name="Ours")
    one = line(project, project, changes={"overlap": [1, 3], "scale": ["binary", "strength"]})
    # PostgreSQL keeps the keys of JSON in an order of its own.
    changes = {name: (before, after) for name, before, after in told(one)}
    assert "overlap" not in changes
    ((old_scale, new_scale),) = [pair for pair in changes.values() if pair != ("1", "3")]
    assert old_scale == dict(Project._meta.get_field("scale").flatchoices)["binary"]
    assert new_scale != "strength"
    assert one.target.text == "Ours"


@pytest.mark.django_db
def test_a_choice_of_earlier_versions_and_a_field_that_is_gone_are_said_as_they_are() -> None:
    project = make_project()
    one = line(project, project, changes={"scale": ["of_old", "binary"], "gone_by": [1, None]})
    assert told(one)[0][1] == "of_old"
    assert told(one)[1] == ("gone by", "1", "nothing")


@pytest.mark.django_db
def test_a_change_that_names_one_value_only_has_no_before() -> None:
    project = make_project()
    assert told(line(project, project, changes={"anything": "x"}))[0] == (
        "anything",
        "nothing",
        "x",
    )
    assert told(line(project, project, before="a", after="b")) == [("value", "a", "b")]


@pytest.mark.django_db
def test_a_new_role_is_told_with_the_one_before_and_once() -> None:
    project = make_project()
    member = make_member(project)
    membership = Membership.objects.get(user=member)
    one = line(project, membership, role_before="labeler", role="curator")
    assert told(one) == [("role", "Labeler", "Curator")]
    assert told(line(project, membership, role="labeler")) == [("role", None, "labeler")]


@pytest.mark.django_db
def test_what_only_an_undo_needs_is_not_told_and_many_at_once_are() -> None:
    project = make_project()
    one = line(project, project, batch="secret-token", of=1234, empty="", none=None)
    assert told(one) == [("one of", None, "1,234 at once")]
    assert told(line(project, project, batch="x", of=1)) == []


@pytest.mark.django_db
def test_who_did_something_before_is_named_also_where_they_have_left() -> None:
    project = make_project()
    former = make_user("former")
    one = line(project, project, was_by=former.pk)
    assert told(one) == [("was by", None, "former")]
    assert told(line(project, project, was_by=10**9))[0][2] == (f"person, deleted (number {10**9})")


@pytest.mark.django_db
def test_many_entries_cost_as_many_queries_as_one(django_assert_num_queries: Any) -> None:
    project = make_project()
    for name in "abcdef":
        write_entry(project, None, "invite", make_member(project, name=name).memberships.get())
    entries = list(AuditEntry.objects.filter(project=project))
    with django_assert_num_queries(1):
        assert len(lines_of(project, entries)) == 6
