"""The filter of the preferences page: what it takes, what it finds, and how it pages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.curation import finding
from labeling.curation.decisions import (
    audit_actions,
    audit_entries,
    exclude,
    history_of,
    judgments_behind,
)
from labeling.curation.facets import count_facets, source_label
from labeling.curation.finding import (
    FilterError,
    PreferenceFilter,
    Window,
    matching,
    preference_page,
    window_for,
)
from labeling.judging.recording import Answer
from labeling.models import Judgment, Preference, Project, Response, Role, User
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
)

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FILTERS = st.builds(
    PreferenceFilter,
    q=WORDS.map(str.strip),
    state=st.sampled_from(["", "in_use", "excluded", "redoing"]),
    kind=st.sampled_from(["", "prefer", "tie", "both_bad"]),
    split=st.sampled_from(["", "train", "test"]),
    source=st.sampled_from(["", "|gpt", "3|helper"]),
    labeler=WORDS.map(str.strip),
    judged_on=st.dates(datetime(2000, 1, 1).date()).filter(lambda day: day.year < 9999).map(str),
    near=st.sampled_from(["", "prompts"]),
)


@given(FILTERS)
def test_a_filter_comes_back_from_its_address(wanted: PreferenceFilter) -> None:
    assert PreferenceFilter.parse(dict(parse_qsl(wanted.querystring()))) == wanted
    assert PreferenceFilter.parse(dict(wanted.fields)) == wanted


@given(FILTERS)
def test_a_filter_without_its_fields_is_empty(wanted: PreferenceFilter) -> None:
    names = [name for name, _ in wanted.fields]
    assert wanted.without(*names).is_empty
    assert wanted.querystring(**dict.fromkeys(names, "")) == ""
    assert wanted.is_empty == (not names)


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({"kind": "maybe"}, "kind", "There is no kind “maybe”; choose one of prefer, tie"),
        ({"split": "training"}, "split", "There is no split “training”"),
        ({"doubt": "x"}, "doubt", "choose one of open, confirmed."),
        ({"judged_on": "31.1.2026"}, "judged_on", "is no date; write it as 2026-01-31."),
        ({"settled_on": "2026-02-30"}, "settled_on", "is no date"),
        ({"settled_on": "9999-12-31"}, "settled_on", "is too far away"),
        ({"judged_on": "0001-01-01"}, "judged_on", "is too far away"),
        ({"q": "x" * 201}, "q", "at most 200 characters"),
        ({"q": "a\0b"}, "q", "NUL character"),
        ({"labeler": "a\0b"}, "q", "NUL character"),
        ({"source": "gpt"}, "source", "“gpt” names no source of responses."),
        ({"source": "x|gpt"}, "source", "“x” is no version of a policy."),
        ({"source": "²|gpt"}, "source", "is no version"),
        ({"source": "1234567890|gpt"}, "source", "is no version"),
    ],
)
def test_what_no_filter_can_be_is_refused_with_its_field(
    data: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(FilterError) as refused:
        PreferenceFilter.parse(data)
    assert refused.value.field == field
    assert words in str(refused.value)


def test_the_longest_search_and_version_are_taken() -> None:
    wanted = PreferenceFilter(q="x" * 200, source="123456789|gpt")
    assert not wanted.is_empty


@pytest.mark.parametrize(
    ("value", "label"),
    [("3|helper", "helper v3"), ("|gpt", "gpt"), ("|", "source not named"), ("0|a|b", "a|b v0")],
)
def test_a_source_is_named_with_its_version(value: str, label: str) -> None:
    assert source_label(value) == label


@pytest.fixture
def project(db: Any) -> Project:
    return make_project(random_share=0.0, gold_share=0.0)


@pytest.fixture
def ann(project: Project) -> User:
    return make_member(project, name="ann")


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, Role.CURATOR, "carl")


def settle(project: Project, ann: User, texts: tuple[str, str], choice: str = "left") -> Preference:
    comparison = make_comparison(project, texts)
    claim_and_judge(ann, project, choice)
    return Preference.objects.get(comparison=comparison)


def ids_found(project: Project, **wanted: str) -> list[int]:
    chosen = PreferenceFilter.parse(wanted)
    rows = matching(project, chosen, window_for(project, chosen))
    return sorted(rows.values_list("pk", flat=True))


def test_a_search_reads_prompts_responses_names_and_numbers(project: Project, ann: User) -> None:
    first = settle(project, ann, ("An apple.", "A pear."))
    prompt = make_prompt(project, "Which fruit is a QUINCE?")
    comparison = make_comparison(project, ("Yes.", "No."), prompt=prompt)
    claim_and_judge(ann, project)
    second = Preference.objects.get(comparison=comparison)
    assert ids_found(project, q="PEAR") == [first.pk]
    assert ids_found(project, q="quince") == [second.pk]
    assert ids_found(project, q=f"#{second.pk}") == [second.pk]
    assert ids_found(project, q="ann") == [first.pk, second.pk]
    assert ids_found(project, q="role") == [], "the words of the format are no text"
    assert ids_found(project, q="9" * 30) == []


@pytest.mark.parametrize("text", ["%", "_", "'", '"', "\\", "(", "😀"])
def test_signs_of_a_pattern_are_signs_of_a_text(text: str, project: Project, ann: User) -> None:
    settle(project, ann, ("Plain.", "Simple."))
    with_sign = settle(project, ann, (f"With {text} in it.", "Without."))
    assert ids_found(project, q=text) == [with_sign.pk]


def test_a_search_goes_back_as_far_as_its_window(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "SEARCH_WINDOW", 2)
    ids = [settle(project, ann, (f"Tea {n}.", f"Cup {n}.")).pk for n in range(3)]
    wanted = PreferenceFilter(q="tea")
    window = window_for(project, wanted)
    assert window == Window(low=ids[0], high=ids[2])
    assert ids_found(project, q="tea") == ids[1:]
    further = window_for(project, wanted, start=window.low)
    assert further == Window(low=None, high=ids[0])
    rows = matching(project, wanted, further)
    assert list(rows.values_list("pk", flat=True)) == ids[:1]


def test_an_empty_project_has_an_open_window(project: Project) -> None:
    assert window_for(project, PreferenceFilter(q="tea")) == Window()
    assert ids_found(project, q="tea") == []


def test_what_is_settled_later_stays_out_of_a_window(project: Project, ann: User) -> None:
    first = settle(project, ann, ("Tea.", "Cup."))
    wanted = PreferenceFilter()
    window = window_for(project, wanted)
    settle(project, ann, ("Milk.", "Sugar."))
    assert [row.pk for row in matching(project, wanted, window)] == [first.pk]


def test_judgments_are_found_by_who_what_and_when(project: Project, ann: User) -> None:
    tie = settle(project, ann, ("Tea.", "Cup."), "tie")
    day = datetime(2026, 1, 31, tzinfo=UTC)
    Judgment.objects.update(created_at=day + timedelta(hours=23, minutes=59))
    choice = settle(project, ann, ("Milk.", "Sugar."))
    assert ids_found(project, labeler="ann") == [tie.pk, choice.pk]
    assert ids_found(project, labeler="bob") == []
    assert ids_found(project, answer="tie") == [tie.pk]
    assert ids_found(project, judged_on="2026-01-31") == [tie.pk]
    assert ids_found(project, judged_on="2026-02-01") == []
    assert ids_found(project, answer="prefer", judged_on="2026-01-31") == [], "one judgment, both"


def test_a_source_is_found_on_either_side_with_or_without_a_version(
    project: Project, ann: User
) -> None:
    plain = settle(project, ann, ("Tea.", "Cup."))
    Response.objects.filter(pk=plain.chosen_id).update(source="gpt")
    versioned = settle(project, ann, ("Milk.", "Sugar."))
    Response.objects.filter(pk=versioned.rejected_id).update(source="gpt", policy_version=2)
    assert ids_found(project, source="|gpt") == [plain.pk]
    assert ids_found(project, source="2|gpt") == [versioned.pk]
    assert ids_found(project, source="3|gpt") == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_row_is_on_one_page_going_back_and_going_forward(
    size: int, project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PAGE_SIZE", size)
    make_comparisons(project, 6)
    for _ in range(6):
        claim_and_judge(ann, project)
    rows = Preference.objects.all()
    ids = list(rows.order_by("-pk").values_list("pk", flat=True))
    page = preference_page(rows)
    back = [row.pk for row in page.rows]
    while page.older is not None:
        page = preference_page(rows, before=page.older)
        back += [row.pk for row in page.rows]
    assert back == ids
    forward = [row.pk for row in page.rows]
    while page.newer is not None:
        page = preference_page(rows, after=page.newer)
        forward = [row.pk for row in page.rows] + forward
    assert forward == ids


def test_a_page_beyond_the_last_row_is_empty_and_leads_nowhere(project: Project, ann: User) -> None:
    only = settle(project, ann, ("Tea.", "Cup."))
    page = preference_page(Preference.objects.all(), before=only.pk)
    assert (page.rows, page.older, page.newer) == ([], None, None)


def test_counts_of_a_facet_say_what_a_click_brings(
    project: Project, ann: User, curator: User
) -> None:
    in_use = [settle(project, ann, (f"Tea {n}.", f"Cup {n}.")).pk for n in range(2)]
    tie = settle(project, ann, ("Milk.", "Sugar."), "tie")
    exclude(project, curator, [tie.pk], "Odd")
    wanted = PreferenceFilter(kind="tie")
    facets, total = count_facets(project, wanted, window_for(project, wanted))
    assert total == 1
    for facet in facets:
        for choice in facet.choices:
            clicked = PreferenceFilter.parse(dict(parse_qsl(choice.query)))
            rows = matching(project, clicked, window_for(project, clicked))
            if not choice.selected:
                assert rows.count() == choice.count, (facet.name, choice)
    kinds = next(facet for facet in facets if facet.name == "kind")
    counts = {choice.value: (choice.count, choice.selected) for choice in kinds.choices}
    assert counts == {"prefer": (len(in_use), False), "tie": (1, True)}


def test_a_chosen_value_that_nothing_has_stays_to_be_taken_back(
    project: Project, ann: User
) -> None:
    settle(project, ann, ("Tea.", "Cup."))
    wanted = PreferenceFilter(labeler="nobody")
    facets, total = count_facets(project, wanted, window_for(project, wanted))
    labelers = next(facet for facet in facets if facet.name == "labeler")
    chosen = next(choice for choice in labelers.choices if choice.selected)
    assert (total, chosen.value, chosen.count, chosen.query) == (0, "nobody", 0, "")


def test_the_log_is_read_by_who_what_and_on_which_row(
    project: Project, ann: User, curator: User
) -> None:
    one, other = (settle(project, ann, (f"Tea {n}.", f"Cup {n}.")) for n in range(2))
    exclude(project, curator, [one.pk, other.pk], "Odd")
    assert audit_actions(project) == ["exclude"]
    assert audit_entries(project).count() == 2
    assert audit_entries(project, actor="carl", action="exclude").count() == 2
    assert audit_entries(project, actor="ann").count() == 0
    for target in (f"preference {one.pk}", f"Preference #{one.pk}"):
        (entry,) = audit_entries(project, target=target)
        assert entry.target_id == str(one.pk)
    assert audit_entries(project, target="preference").count() == 2
    assert audit_entries(make_project()).count() == 0
    assert [entry.reason for entry in history_of(one)] == ["Odd"]


def test_all_that_was_said_of_a_pair_stands_behind_its_preference(
    project: Project, ann: User
) -> None:
    comparison = make_comparison(project, ("Tea.", "Cup."))
    held = claim(ann, project)
    assert held is not None
    Project.objects.filter(pk=project.pk).update(allow_rewrite=True)
    first, second = held.order
    judge(held, Answer("prefer", ((first,), (second,)), rewrite="Better tea."))
    judged = Preference.objects.get(comparison=comparison)
    written = Preference.objects.exclude(comparison=comparison).get()
    judgment = Judgment.objects.get()
    assert judgments_behind(judged) == [judgment]
    assert judgments_behind(written) == [judgment], "the rewrite came with it"
