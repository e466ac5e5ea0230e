"""What an answer can be, and which ones can be taken back."""

import math
import re
from typing import Any
from uuid import uuid4

import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from labeling.judging.adaptive import SavedJudgments, confidence, confidence_in, share_above_half
from labeling.judging.modes import (
    BINARY,
    LEVELS,
    SCALES,
    STRENGTH,
    AnswerBar,
    parse_choice,
    read_answer,
)
from labeling.judging.recording import (
    Answer,
    CannotUndo,
    NotYours,
    submit_and_claim,
    undo_answer_to,
    undo_last,
)
from labeling.models import Assignment, Judgment, Membership, Preference, Project, User
from labeling.preferences.settling import Vote
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
)

PAIR = ((1,), (2,))
ALIKE = ((1, 2),)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "better", "tiers": PAIR}, "kind: 'better' is not one of prefer, tie"),
        ({"kind": "prefer"}, "tiers: missing for prefer"),
        ({"kind": "skip", "tiers": PAIR}, "tiers: not allowed for skip"),
        ({"kind": "tie", "tiers": PAIR}, "tiers: 2 tiers contradict the kind tie"),
        ({"kind": "prefer", "tiers": ALIKE}, "tiers: 1 tiers contradict the kind prefer"),
        ({"kind": "prefer", "tiers": ((1,), ())}, "tiers: a tier is empty"),
        ({"kind": "tie", "tiers": ALIKE, "strength": 1}, "strength: not allowed for tie"),
        ({"kind": "prefer", "tiers": PAIR, "strength": 4}, "strength: 4 is not 0, 1, 2 or 3"),
        ({"kind": "flag"}, "flag: missing for flag"),
        ({"kind": "skip", "flag": "unsafe"}, "flag: not allowed for skip"),
        ({"kind": "flag", "flag": "rude"}, "flag: 'rude' is not one of unsafe"),
        ({"kind": "skip", "rewrite": "Better."}, "rewrite: not allowed for skip"),
        ({"kind": "skip", "seconds": -0.1}, "seconds: -0.1 is not a sensible time"),
        ({"kind": "skip", "seconds": 1e7}, "is not a sensible time"),
        ({"kind": "skip", "seconds": float("nan")}, "seconds: nan is not a sensible time"),
    ],
)
def test_an_answer_that_contradicts_itself_names_the_field(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Answer(**fields)


@pytest.mark.parametrize("buttons", [BINARY, STRENGTH, LEVELS])
def test_every_button_is_an_answer_and_its_mirror_the_other_way_round(buttons: Any) -> None:
    answers = [parse_choice(button.value, [1, 2]) for button in buttons]
    mirrored = [parse_choice(button.value, [2, 1]) for button in reversed(buttons)]
    assert [(one.tiers[0], one.strength) for one in answers if one.kind == "prefer"] == [
        (one.tiers[0], one.strength) for one in mirrored if one.kind == "prefer"
    ]
    keys = [key for button in buttons for key in button.keys.split()]
    assert len(keys) == len(set(keys)), "a key presses one button"


def test_buttons_are_read_out_with_their_side() -> None:
    assert [button.label for button in STRENGTH] == [
        "A much better", "A better", "A slightly better", "About the same",
        "B slightly better", "B better", "B much better",
    ]  # fmt: skip
    assert [button.first_key for button in LEVELS] == list("12345678")
    assert BINARY[0].key_names == ["1", "←"]


@pytest.mark.parametrize("choice", ["left", "tie", "left-3", "left-4", "middle", "", "right-0"])
def test_a_ranking_is_given_by_no_side(choice: str) -> None:
    if choice == "tie":
        assert parse_choice(choice, [1, 2, 3]).tiers == ((1, 2, 3),)
        return
    with pytest.raises(ValueError, match=r"^choice: "):
        parse_choice(choice, [1, 2, 3])


@pytest.mark.parametrize("scale", list(SCALES))
@pytest.mark.parametrize("size", [2, 5, 9])
def test_the_bar_shows_buttons_for_a_pair_and_places_for_more(scale: str, size: int) -> None:
    bar = AnswerBar(Project(scale=scale, allow_tie=False), size)
    assert bar.is_ranking == (size > 2)
    assert list(bar.letters) == list("ABCDEFGHI"[:size])
    assert list(bar.places) == list(range(1, size + 1))
    assert bool(bar.choices) == (size == 2)
    assert all(button.value != "tie" for button in bar.choices)
    assert bar.question == ("Rank the responses, best first" if size > 2 else
                            "Which response is better?")  # fmt: skip


def test_a_question_of_the_projects_own_is_asked_of_rankings_too() -> None:
    assert AnswerBar(Project(question="Which is kinder?"), 4).question == "Which is kinder?"


def form(**fields: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update({name.replace("_", "-"): value for name, value in fields.items()})
    return data


@pytest.mark.parametrize("place", ["0", "4", "-1", "1.0", " 1", "²", "9" * 5_000, "x"])
def test_no_other_text_is_a_place(place: str) -> None:
    project = Project(scale="ranking")
    ranked = form(choice="rank", place_A="1", place_B=place, place_C="2")
    with pytest.raises(ValueError, match="is not a place from 1 to 3"):
        read_answer(ranked, project, [1, 2, 3])


@given(st.lists(st.integers(1, 5), min_size=3, max_size=5))
def test_places_become_tiers_whatever_numbers_are_left_out(places: list[int]) -> None:
    places = [min(place, len(places)) for place in places]
    project = Project(scale="ranking")
    fields = {f"place_{'ABCDE'[n]}": str(place) for n, place in enumerate(places)}
    ids = list(range(11, 11 + len(places)))
    answer = read_answer(form(choice="rank", **fields), project, ids)
    expected = [
        tuple(one for one, place in zip(ids, places, strict=True) if place == tier)
        for tier in sorted(set(places))
    ]
    assert list(answer.tiers) == expected
    assert answer.kind == ("prefer" if len(expected) > 1 else "tie")


@pytest.mark.parametrize(
    ("written", "read"),
    [("3.5", 3.5), ("0", 0.0), ("86399.9", 86_399.9), ("86400", None), ("-1", None),
     ("nan", None), ("inf", None), ("soon", None), ("", None)],
)  # fmt: skip
def test_a_time_that_makes_no_sense_is_left_out(written: str, read: float | None) -> None:
    answer = read_answer(form(choice="left", seconds=written), Project(), [1, 2])
    assert answer.seconds == read


def test_texts_longer_than_is_kept_are_refused_and_the_longest_are_taken() -> None:
    project = Project(allow_rewrite=True)
    longest = read_answer(form(choice="left", rationale="x" * 5_000), project, [1, 2])
    assert len(longest.rationale) == 5_000
    for name, size in (("rationale", 5_001), ("rewrite", 100_001)):
        with pytest.raises(ValueError, match=f"^{name}: longer than"):
            read_answer(form(choice="left", **{name: "x" * size}), project, [1, 2])


def test_an_indentation_at_the_beginning_of_a_rewrite_is_part_of_it() -> None:
    project = Project(allow_rewrite=True)
    answer = read_answer(form(choice="left", rewrite="  if x:\r\n    y\r\n\r\n"), project, [1, 2])
    assert answer.rewrite == "  if x:\n    y"


@given(st.integers(1, 20), st.integers(1, 20))
def test_the_chance_of_more_than_half_is_the_binomials(a: int, b: int) -> None:
    """P(X > ½) of Beta(a, b) is the chance of fewer than a heads in a + b − 1 tosses."""
    tosses = a + b - 1
    fewer = sum(math.comb(tosses, heads) for heads in range(a))
    assert share_above_half(a, b) == pytest.approx(fewer / 2**tosses, abs=1e-6)
    assert share_above_half(a, b) + share_above_half(b, a) == pytest.approx(1.0, abs=2e-6)


@given(st.lists(st.sampled_from([1, -1, 0, None]), max_size=12), st.sampled_from([0.1, 0.5, 1.0]))
def test_one_more_vote_for_the_leader_makes_it_surer(ways: list[Any], weight: float) -> None:
    votes = [Vote(way, None, 1.0) for way in ways]
    leader = max(set(ways), key=lambda way: (ways.count(way), str(way)), default=1)
    surer = confidence_in([*votes, Vote(leader, None, weight)])
    assert confidence_in(votes) - 1e-9 <= surer <= 1.0
    assert confidence([]) == 0.5


def test_judgments_saved_are_those_that_were_planned_and_not_asked_for() -> None:
    saved = SavedJudgments(10, planned=20, asked=15, stopped_early=6, extended=1)
    assert (saved.judgments, saved.percent) == (5, 25)
    assert SavedJudgments(0, 0, 0, 0, 0).percent == 0


@pytest.fixture
def project(db: Any) -> Project:
    return make_project(random_share=0.0, gold_share=0.0)


@pytest.fixture
def ann(project: Project) -> User:
    return make_member(project)


def hold(labeler: User, project: Project) -> Assignment:
    held = claim(labeler, project)
    assert held is not None
    return held


def test_an_assignment_that_is_nobodys_is_answered_by_nobody(project: Project, ann: User) -> None:
    with pytest.raises(NotYours):
        submit_and_claim(uuid4(), ann.pk, Answer("skip"))


def test_only_the_last_answer_is_taken_back_by_its_address(project: Project, ann: User) -> None:
    make_comparisons(project, 2)
    first = hold(ann, project)
    judge(first, "left")
    second = hold(ann, project)
    judge(second, "left")
    assert not undo_answer_to(first.uuid, ann, project)
    assert not undo_answer_to(uuid4(), ann, project)
    assert undo_answer_to(second.uuid, ann, project)
    assert undo_answer_to(first.uuid, ann, project), "now it is the last one"
    assert not Preference.objects.filter(settled_at__isnull=False).exists()


def test_there_is_nothing_to_undo_before_the_first_answer(project: Project, ann: User) -> None:
    with pytest.raises(CannotUndo, match="There is nothing to undo"):
        undo_last(ann, project)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: Judgment.objects.update(excluded_at=timezone.now()), "taken this answer out"),
        (lambda: Membership.objects.update(is_paused=True), "has paused your work"),
        (lambda: Membership.objects.all().delete(), "has paused your work"),
    ],
    ids=["excluded", "paused", "removed"],
)
def test_what_a_curator_has_decided_is_not_undone(
    change: Any, words: str, project: Project, ann: User
) -> None:
    make_comparison(project)
    claim_and_judge(ann, project)
    change()
    with pytest.raises(CannotUndo, match=words):
        undo_last(ann, project)
    assert Judgment.objects.get().superseded_at is None


def test_a_late_answer_that_did_not_count_is_undone_without_taking_a_slot(
    project: Project, ann: User
) -> None:
    comparison = make_comparison(project, wanted=1)
    late = hold(ann, project)
    Assignment.objects.filter(pk=late.pk).update(state="expired")
    comparison.__class__.objects.filter(pk=comparison.pk).update(slots_left=1)
    claim_and_judge(make_member(project), project)
    before = Preference.objects.get()
    assert judge(late, "right").judgment.is_surplus
    undo_last(ann, project)
    after = Preference.objects.get()
    comparison.refresh_from_db()
    assert (comparison.state, comparison.slots_left) == ("finished", 0)
    assert (after.chosen_id, after.votes_chosen) == (before.chosen_id, 1)
    assert after.settled_at is not None
