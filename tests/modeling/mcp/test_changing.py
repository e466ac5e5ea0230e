"""Tools that change something do it once it was confirmed, and exactly what was confirmed."""

from typing import Any

import pytest
from django.core import signing

from labeling.curation import decisions
from labeling.curation.doubts import Contradiction, note_doubts
from labeling.models import AuditEntry, Comparison, Preference, Project, Scope, User
from labeling.people.signing_in.tokens import make_token
from modeling.mcp import changing, confirming
from tests.factories import make_comparisons, make_member, make_project
from tests.modeling.mcp.conftest import Call, Refused, session


def excluded() -> list[int]:
    return list(
        Preference.objects.filter(excluded=True).order_by("pk").values_list("pk", flat=True)
    )


def ids() -> list[int]:
    return list(Preference.objects.order_by("pk").values_list("pk", flat=True))


def test_the_first_call_says_what_would_change_and_changes_nothing(
    call: Call, project: Project
) -> None:
    answer = call("exclude_preferences", project=project.slug, ids=ids()[:2], reason="Spam")
    assert (answer["changed"], answer["would_change"], answer["already_so"]) == (False, 2, 0)
    assert [one["id"] for one in answer["examples"]] == ids()[:2]
    assert excluded() == []


def test_the_second_call_does_it_in_the_name_of_the_person(
    call: Call, project: Project, curator: User
) -> None:
    asked = {"project": project.slug, "ids": ids()[:2], "reason": "Spam"}
    code = call("exclude_preferences", **asked)["confirmation"]
    done = call("exclude_preferences", **asked, confirmation=code)
    assert (done["changed"], done["count"]) == (True, 2)
    assert excluded() == ids()[:2]
    entries = AuditEntry.objects.filter(action="exclude")
    assert {(one.actor_id, one.reason) for one in entries} == {(curator.pk, "Spam")}
    with pytest.raises(Refused, match="have changed meanwhile"):
        call("exclude_preferences", **asked, confirmation=code)


def test_all_that_match_a_filter_are_restored_and_it_is_undone(
    call: Call, project: Project, curator: User
) -> None:
    decisions.exclude(project, curator, ids(), "Too many")
    asked = {"project": project.slug, "filter": {"state": "excluded"}}
    preview = call("restore_preferences", **asked)
    assert preview["would_change"] == 3
    done = call("restore_preferences", **asked, confirmation=preview["confirmation"])
    assert done["count"] == 3 and excluded() == []
    undo = {"project": project.slug, "undo": done["undo"]}
    code = call("undo_change", **undo)["confirmation"]
    assert excluded() == []
    assert call("undo_change", **undo, confirmation=code)["count"] == 3
    assert excluded() == ids()


def other_changes(project: Project) -> list[dict[str, Any]]:
    first, second, third = ids()
    return [
        {"ids": [first, second, third], "reason": "Spam"},
        {"ids": [first], "reason": "Spam"},
        {"ids": [first, second], "reason": "Other"},
        {"filter": {"labeler": "noor"}, "reason": "Spam"},
    ]


def test_a_code_confirms_no_other_change(call: Call, project: Project) -> None:
    asked = {"project": project.slug, "ids": ids()[:2], "reason": "Spam"}
    code = call("exclude_preferences", **asked)["confirmation"]
    for other in other_changes(project):
        with pytest.raises(Refused, match="for another change"):
            call("exclude_preferences", project=project.slug, **other, confirmation=code)
    with pytest.raises(Refused, match="for another change"):
        call("restore_preferences", **asked, confirmation=code)
    assert excluded() == []


def test_a_code_of_another_token_a_made_up_one_and_an_old_one_confirm_nothing(
    call: Call, project: Project, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"project": project.slug, "ids": ids(), "reason": "Spam"}
    other = session(make_token(curator, "other", [Scope.READ, Scope.WRITE])[1])
    foreign = other("exclude_preferences", **asked)["confirmation"]
    for code, words in (
        (foreign, "for another change"),
        ("yes", "no confirmation"),
        (signing.dumps("a" * 64, salt="another use"), "no confirmation"),
        (signing.dumps("a" * 64, salt=confirming.SALT), "for another change"),
    ):
        with pytest.raises(Refused, match=words):
            call("exclude_preferences", **asked, confirmation=code)
    own = call("exclude_preferences", **asked)["confirmation"]
    monkeypatch.setattr(confirming, "SECONDS", -1)
    with pytest.raises(Refused, match="has ended"):
        call("exclude_preferences", **asked, confirmation=own)
    assert excluded() == []


def test_rows_that_changed_meanwhile_are_looked_at_again(
    call: Call, project: Project, curator: User
) -> None:
    asked = {"project": project.slug, "filter": {"labeler": "noor"}, "reason": "Spam"}
    code = call("exclude_preferences", **asked)["confirmation"]
    decisions.exclude(project, curator, ids()[:1], "A colleague was faster")
    with pytest.raises(Refused, match="have changed meanwhile"):
        call("exclude_preferences", **asked, confirmation=code)
    assert excluded() == ids()[:1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reason": "Spam"}, "Give either"),
        ({"reason": "Spam", "ids": []}, "Give either"),
        ({"reason": "Spam", "filter": {}}, "Give either"),
        ({"reason": "Spam", "filter": {"state": ""}}, "Give either"),
        ({"reason": "Spam", "filter": {"staet": "in_use"}}, "no field"),
        ({"reason": "Spam", "ids": [2**50]}, "not in this project"),
        ({"reason": "Spam", "ids": [-1]}, "is no id"),
        ({"reason": " ", "filter": {"state": "in_use"}}, "Say in a few words why"),
        ({"reason": "x" * 301, "filter": {"state": "in_use"}}, "at most 300"),
    ],
)
def test_what_is_not_said_clearly_is_refused(
    call: Call, project: Project, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        call("exclude_preferences", project=project.slug, **arguments)
    assert excluded() == []


def test_more_than_can_be_changed_at_once_is_refused_and_never_cut(
    call: Call, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "BULK_LIMIT", 2)
    with pytest.raises(Refused, match="3 match, and at most 2"):
        call("exclude_preferences", project=project.slug, reason="a", filter={"labeler": "noor"})
    with pytest.raises(Refused, match="At most 2"):
        call("exclude_preferences", project=project.slug, reason="a", ids=ids())


def test_a_search_that_has_not_looked_at_all_rows_changes_nothing(
    call: Call, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labeling.curation import finding

    monkeypatch.setattr(finding, "SEARCH_WINDOW", 2)
    with pytest.raises(Refused, match="not looked at all rows"):
        call("exclude_preferences", project=project.slug, reason="a", filter={"q": "e"})


def test_a_token_that_may_only_read_changes_nothing(project: Project, curator: User) -> None:
    reader = session(make_token(curator, "reader", [Scope.READ])[1])
    with pytest.raises(Refused, match="lacks the scope “write”"):
        reader("exclude_preferences", project=project.slug, ids=ids(), reason="Spam")


def test_rows_of_another_project_are_not_changed(call: Call, project: Project) -> None:
    other = make_project()
    (comparison,) = make_comparisons(other, 1)
    with pytest.raises(Refused, match="no such project"):
        call("exclude_preferences", project=other.slug, ids=[1], reason="Spam")
    with pytest.raises(Refused, match="no comparison"):
        call("withdraw_comparison", project=project.slug, comparison=comparison.pk)


def test_labelers_change_nothing(project: Project) -> None:
    labeler = session(make_token(make_member(project), "l", [Scope.READ, Scope.WRITE])[1])
    with pytest.raises(Refused, match="for curators"):
        labeler("exclude_preferences", project=project.slug, ids=ids(), reason="Spam")


def test_a_comparison_is_withdrawn(call: Call, project: Project) -> None:
    open_one = Comparison.objects.get(project=project, state="open")
    asked = {"project": project.slug, "comparison": open_one.pk}
    code = call("withdraw_comparison", **asked)["confirmation"]
    open_one.refresh_from_db()
    assert open_one.state == "open"
    assert call("withdraw_comparison", **asked, confirmation=code)["changed"]
    open_one.refresh_from_db()
    assert open_one.state == "withdrawn"
    with pytest.raises(Refused, match="cannot be withdrawn"):
        call("withdraw_comparison", **asked)


def test_a_doubt_is_answered(call: Call, project: Project) -> None:
    first = ids()[0]
    note_doubts(project, 1, [Contradiction(first, 0.9, 1, 1, False)], None)
    asked = {"project": project.slug, "preference": first}
    preview = call("confirm_preference", **asked)
    assert preview["doubted_with"] == 0.9
    assert call("confirm_preference", **asked, confirmation=preview["confirmation"])["changed"]
    with pytest.raises(Refused, match="no open doubt"):
        call("confirm_preference", **asked)


def test_comparisons_are_handed_out_sooner(call: Call, project: Project) -> None:
    open_one = Comparison.objects.get(project=project, state="open")
    asked = {"project": project.slug, "comparisons": [open_one.pk], "priority": 7.5}
    preview = call("set_priority", **asked)
    assert preview["would_change"] == 1
    more = list(project.comparisons.values_list("pk", flat=True))
    for other in ({"priority": 8.0}, {"comparisons": more}):
        with pytest.raises(Refused, match="for another change"):
            call("set_priority", **asked | other, confirmation=preview["confirmation"])
    assert call("set_priority", **asked, confirmation=preview["confirmation"])["count"] == 1
    open_one.refresh_from_db()
    assert open_one.priority == 7.5
    refused: list[dict[str, Any]] = [
        {"comparisons": []}, {"comparisons": [2**50]}, {"priority": float("inf")},
    ]  # fmt: skip
    for wrong in refused:
        with pytest.raises(Refused):
            call("set_priority", **asked | wrong)


def test_a_prompt_gets_other_tags(call: Call, project: Project) -> None:
    prompt = project.prompts.earliest("pk")
    asked = {"project": project.slug, "prompt": prompt.pk, "tags": ["maths", "maths", " hard "]}
    preview = call("tag_prompt", **asked)
    assert (preview["tags_now"], preview["tags_then"]) == ([], ["maths", "hard"])
    assert call("tag_prompt", **asked, confirmation=preview["confirmation"])["changed"]
    prompt.refresh_from_db()
    assert prompt.tags == ["maths", "hard"]
    refused: list[dict[str, Any]] = [
        {"tags": ["x" * 121]}, {"tags": ["a"] * 101}, {"prompt": 2**50},
    ]  # fmt: skip
    for wrong in refused:
        with pytest.raises(Refused):
            call("tag_prompt", **asked | wrong)
