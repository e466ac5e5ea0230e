"""How pages name rows that they know by kind and key, and how people ask for them."""

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Membership, Project, Role
from labeling.pages import naming
from labeling.pages.naming import Named, Namer, key_asked, names_of, version_named
from labeling.people.invitations import create_invitation
from tests.factories import make_member, make_project, make_user

NOWHERE = Project(slug="nowhere", name="Nowhere")


@pytest.fixture
def versioned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind with versions, as the learning side has: version 3 is row 12."""

    def find(_project: Project, keys: Collection[int]) -> dict[int, Named]:
        return {key: Named("model v3", "/there/") for key in keys if key == 12}

    versions = {3: 12}
    namer = Namer("big model", find, lambda _project, version: versions.get(version))
    monkeypatch.setattr(naming, "_namers", {"bigmodel": namer})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("big model v3", "bigmodel 12"),
        ("  Big Model V3 ", "bigmodel 12"),
        ("big model v4", "bigmodel 0"),
        ("big model 12", "bigmodel 12"),
        ("bigmodel #12", "bigmodel 12"),
        ("other thing v3", "otherthing 0"),
        ("other thing 7", "otherthing 7"),
        ("Ada Lovelace", "adalovelace"),
        ("12", "12"),
        ("", ""),
        ("big model v", "bigmodelv"),
        ("big model " + "9" * 19, "bigmodel" + "9" * 19),
    ],
)
@pytest.mark.usefixtures("versioned")
def test_what_people_type_becomes_kind_and_key(text: str, key: str) -> None:
    assert key_asked(NOWHERE, text) == key


@given(st.text(max_size=40))
def test_whatever_is_typed_is_answered(text: str) -> None:
    asked = key_asked(NOWHERE, "zz" + text)  # no kind that has rows to ask for
    assert asked == asked.strip()


@pytest.mark.usefixtures("versioned")
def test_a_version_is_linked_where_it_is_there_and_said_where_it_is_not() -> None:
    assert version_named(NOWHERE, "bigmodel", 3) == Named("model v3", "/there/")
    assert version_named(NOWHERE, "bigmodel", 4) == Named("big model v4")
    assert version_named(NOWHERE, "unknown", 4) == Named("unknown v4")


@pytest.mark.usefixtures("versioned")
def test_a_row_that_is_gone_is_said_to_be_and_an_unknown_kind_keeps_its_key() -> None:
    keys = [("bigmodel", "12"), ("bigmodel", "13"), ("bigmodel", "x"), ("thing", "7")]
    assert [names_of(NOWHERE, keys)[key].text for key in keys] == [
        "model v3",
        "big model, deleted (number 13)",
        "big model, deleted (number x)",
        "thing 7",
    ]


def test_no_key_is_no_query() -> None:
    assert names_of(NOWHERE, []) == {}


@pytest.mark.django_db
def test_rows_of_another_project_are_not_named() -> None:
    project, other = make_project(), make_project()
    curator = make_member(other, Role.CURATOR, "somebody-else")
    membership = Membership.objects.get(user=curator)
    invitation, _token = create_invitation(other, curator, Role.LABELER)
    keys = [
        ("membership", str(membership.pk)),
        ("invitation", str(invitation.pk)),
        ("guidelineversion", str(other.guidelines_id)),
        ("project", str(other.pk)),
    ]
    for named in names_of(project, keys).values():
        assert "deleted" in named.text
        assert (named.url, "somebody" in named.text) == ("", False)


@pytest.mark.django_db
def test_a_person_is_linked_while_they_are_a_member() -> None:
    project = make_project()
    member, former = make_member(project, name="member"), make_user("former")
    keys = [("user", str(member.pk)), ("user", str(former.pk))]
    names = names_of(project, keys)
    row = Membership.objects.get(user=member)
    assert names[keys[0]] == Named("member", f"/projects/{project.slug}/people/{row.pk}/measures/")
    assert names[keys[1]] == Named("former")


@pytest.mark.django_db
def test_one_kind_costs_one_query_for_however_many(django_assert_num_queries: Any) -> None:
    project = make_project()
    rows = [make_member(project) for _ in range(5)]
    keys = [("membership", str(row.memberships.get().pk)) for row in rows]
    with django_assert_num_queries(1):
        assert len(names_of(project, keys)) == 5
