"""An answer in words and in the form: the button, the letters, the places, the sides."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.judging.modes import LETTERS, SCALES
from labeling.models import FlagCategory, Judgment, Project
from labeling.models.projects import Scale
from labeling.pages.curation.preferences import judgment_in_words, votes_of
from labeling.pages.judging.my_work import choice_of, describe_judgment, places_of, side_of

Kind = Judgment.Kind


def judgment(kind: str = Kind.PREFER, scale: str = Scale.BINARY, **fields: Any) -> Judgment:
    """Of responses 11 and 22, which stood from left to right; 11 is preferred."""
    values = {"kind": kind, "order": [11, 22], "tiers": [[11], [22]]} | fields
    return Judgment(project=Project(scale=scale), **values)


@pytest.mark.parametrize(
    ("answer", "choice", "words"),
    [
        (judgment(), "left", "A is better"),
        (judgment(tiers=[[22], [11]]), "right", "B is better"),
        (judgment(Kind.TIE, tiers=[[11, 22]]), "tie", "About the same"),
        (judgment(Kind.BOTH_BAD, tiers=[[11, 22]]), "both_bad", "Both bad"),
        (judgment(Kind.SKIP, tiers=[]), "skip", "Skipped"),
        (judgment(strength=99), "left-99", "A is better"),  # of a scale that is gone
        (judgment(tiers=[[22], [11]], strength=99), "right-99", "B is better"),
    ],
)
def test_an_answer_to_a_pair_is_a_button_and_words(
    answer: Judgment, choice: str, words: str
) -> None:
    assert (choice_of(answer), describe_judgment(answer)) == (choice, words)


@pytest.mark.parametrize(
    ("scale", "choice"),
    [(name, choice) for name, scale in SCALES.items() for choice in scale if choice.side],
)
def test_an_answer_is_said_as_on_the_button_that_was_pressed(scale: str, choice: Any) -> None:
    side, _, strength = choice.value.partition("-")
    answer = judgment(
        scale=scale,
        tiers=[[11], [22]] if side == "left" else [[22], [11]],
        strength=int(strength) if strength else None,
    )
    assert choice_of(answer) == choice.value
    assert describe_judgment(answer) == choice.label


def test_an_answer_of_a_scale_that_the_project_had_keeps_its_words() -> None:
    assert describe_judgment(judgment(scale=Scale.BINARY, strength=0)) == "A negligibly, or unsure"


@pytest.mark.parametrize("category", FlagCategory.values)
def test_a_flag_names_its_category(category: str) -> None:
    words = describe_judgment(judgment(Kind.FLAG, tiers=[], flag=category))
    assert words == f"Flagged: {FlagCategory(category).label}"


def test_a_ranking_is_said_by_letters_with_ties() -> None:
    answer = judgment(order=[5, 6, 7, 8], tiers=[[7], [8, 5], [6]])
    assert describe_judgment(answer) == "C > A = D > B"
    assert choice_of(answer) == Kind.PREFER
    assert places_of(answer) == {"C": 1, "A": 2, "D": 2, "B": 3}


@given(st.integers(3, 9), st.data())
def test_every_letter_on_screen_has_its_place(size: int, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(size)))
    ranked = data.draw(st.permutations(range(size)))
    answer = judgment(order=order, tiers=[[pk] for pk in ranked])
    places = places_of(answer)
    assert sorted(places) == list(LETTERS[:size])
    for letter, place in places.items():
        assert ranked[place - 1] == order[LETTERS.index(letter)]


@pytest.mark.parametrize(("pk", "side"), [(11, "left"), (22, "right"), (None, "same"), (33, "")])
def test_an_aspect_is_on_a_side_or_the_same(pk: int | None, side: str) -> None:
    assert side_of(judgment(), pk) == side


# To curators


def row(**fields: Any) -> Any:
    votes = {f"votes_{name}": 0 for name in ("chosen", "rejected", "tie", "both_bad")}
    return SimpleNamespace(
        **votes | {"kind": "prefer", "chosen_id": 11, "rejected_id": 22} | fields
    )


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        ({}, ""),
        ({"votes_chosen": 2}, "2 : 0"),
        ({"votes_chosen": 2, "votes_rejected": 1, "votes_tie": 1}, "2 : 1, 1 tie"),
        ({"votes_tie": 2}, "2 ties"),
        ({"votes_both_bad": 3}, "3 both bad"),
        ({"votes_rejected": 1, "votes_both_bad": 1}, "0 : 1, 1 both bad"),
    ],
)
def test_votes_are_said_in_short(votes: dict[str, int], words: str) -> None:
    assert votes_of(row(**votes)) == words


@pytest.mark.parametrize(
    ("answer", "verdict", "where"),
    [
        (judgment(), "Chosen is better", "Chosen on the left"),
        (judgment(order=[22, 11]), "Chosen is better", "Chosen on the right"),
        (judgment(tiers=[[22], [11]]), "Rejected is better", "Chosen on the left"),
        (judgment(Kind.TIE, tiers=[[11, 22]]), "about the same", "Chosen on the left"),
        (judgment(Kind.BOTH_BAD, tiers=[]), "both bad", "Chosen on the left"),
        (judgment(Kind.SKIP, tiers=[]), "skipped", "Chosen on the left"),
        (judgment(Kind.FLAG, tiers=[]), "flagged", "Chosen on the left"),
        (
            judgment(order=[33, 22, 11], tiers=[[33, 11], [22]]),
            "Chosen is better",
            "Chosen in place 3, rejected in place 2",
        ),
        (
            judgment(order=[33, 22, 11], tiers=[[33], [11, 22]]),
            "about the same",
            "Chosen in place 3, rejected in place 2",
        ),
        (judgment(order=[33, 22], tiers=[[33], [22]]), "Preference", ""),
    ],
)
def test_a_judgment_is_said_about_the_pair(answer: Judgment, verdict: str, where: str) -> None:
    said, place = judgment_in_words(answer, row())
    if verdict == "Preference":  # the pair was not all on its screen
        verdict = answer.get_kind_display()
    assert (said, place) == (verdict, where)


def test_of_a_tie_neither_response_is_called_chosen() -> None:
    said, place = judgment_in_words(judgment(), row(kind="tie"))
    assert (said, place) == ("First response is better", "First response on the left")
