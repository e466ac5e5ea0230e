"""What each mode asks, and how its form becomes an answer."""

from typing import Any

import pytest
from django.http import QueryDict
from django.urls import reverse

from labeling.curation.flags import flagged_page, withdraw_comparison
from labeling.judging.modes import read_answer
from labeling.judging.recording import Answer, undo_last
from labeling.models import Comparison, Judgment, Preference, Project, Response, Role
from labeling.preferences.judgment_rows import judgment_rows
from labeling.preferences.settling import settled
from tests.factories import (
    claim,
    judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_user,
)

Kind = Judgment.Kind
ORDER = [11, 22]


def form(**fields: Any) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, value in fields.items():
        data.setlist(name.replace("_", "-"), value if isinstance(value, list) else [value])
    return data


def read(order: list[int] = ORDER, project: Project | None = None, **fields: Any) -> Answer:
    return read_answer(form(**fields), project or Project(), order)


@pytest.mark.parametrize(
    ("choice", "strength"), [("left-0", 0), ("left-1", 1), ("left-2", 2), ("left-3", 3)]
)
def test_four_levels_have_a_direction_each(choice: str, strength: int) -> None:
    answer = read(choice=choice, project=Project(scale="levels"))
    assert (answer.kind, answer.tiers, answer.strength) == (Kind.PREFER, ((11,), (22,)), strength)


def test_places_become_tiers_and_equal_places_share_one() -> None:
    places: dict[str, Any] = {"place_A": "3", "place_B": "1", "place_C": "3", "place_D": "4"}
    answer = read([1, 2, 3, 4], choice="rank", **places)
    assert answer.tiers == ((2,), (1, 3), (4,))
    assert answer.kind == Kind.PREFER


def test_all_in_one_place_is_a_tie() -> None:
    answer = read([1, 2, 3], choice="rank", place_A="2", place_B="2", place_C="2")
    assert (answer.kind, answer.tiers) == (Kind.TIE, ((1, 2, 3),))


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({"place_A": "1", "place_B": "2"}, "response C has no place"),
        ({"place_A": "1", "place_B": "2", "place_C": "4"}, "not a place from 1 to 3"),
        ({"place_A": "1", "place_B": "2", "place_C": "x"}, "not a place"),
    ],
)
def test_incomplete_or_impossible_rankings_are_refused(places: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read([1, 2, 3], choice="rank", **places)


def test_equal_places_are_refused_where_ties_are_not_allowed() -> None:
    with pytest.raises(ValueError, match="does not allow ties"):
        read(
            [1, 2, 3],
            Project(allow_tie=False),
            choice="rank",
            place_A="1",
            place_B="1",
            place_C="2",
        )


@pytest.mark.parametrize("choice", ["left", "right-2", "tie"])
def test_a_ranking_takes_no_answer_for_pairs(choice: str) -> None:
    with pytest.raises(ValueError, match="choice"):
        read([1, 2, 3], choice=choice)


def test_aspects_name_the_better_response() -> None:
    project = Project(aspects=["helpful", "honest", "harmless"])
    fields: dict[str, Any] = {"aspect_0": "left", "aspect_1": "same", "aspect_2": "right"}
    answer = read(project=project, choice="right", **fields)
    assert answer.aspects == {"helpful": 11, "honest": None, "harmless": 22}


def test_an_aspect_left_out_is_named_but_not_asked_when_both_are_bad() -> None:
    project = Project(aspects=["helpful", "honest"])
    with pytest.raises(ValueError, match="still to choose: honest"):
        read(project=project, choice="left", aspect_0="left")
    assert read(project=project, choice="both_bad").aspects == {}
    assert read(project=project, choice="skip").kind == Kind.SKIP


def test_a_required_reason_is_a_sentence_or_a_tick() -> None:
    project = Project(ask_reason="required", reason_chips=["clearer", "safer"])
    with pytest.raises(ValueError, match="asks why"):
        read(project=project, choice="left", rationale="  ")
    assert read(project=project, choice="left", rationale=" Kinder. ").rationale == "Kinder."
    assert read(project=project, choice="left", reasons=["safer"]).reasons == ("safer",)
    assert read(project=project, choice="skip").kind == Kind.SKIP


def test_what_a_project_does_not_ask_is_not_kept() -> None:
    project = Project(ask_reason="off")
    answer = read(project=project, choice="left", rationale="Why", rewrite="Mine", aspect_0="left")
    assert (answer.rationale, answer.rewrite, answer.aspects) == ("", "", {})


def test_a_flag_names_its_category() -> None:
    answer = read(choice="flag-personal", rationale="An address")
    assert (answer.kind, answer.flag, answer.rationale) == (Kind.FLAG, "personal", "An address")
    with pytest.raises(ValueError, match="flag here"):
        read(choice="flag-boring")
    with pytest.raises(ValueError, match="flag here"):
        read(project=Project(allow_flags=False), choice="flag-unsafe")


# In the database


@pytest.mark.django_db
def test_a_ranking_settles_every_pair() -> None:
    project = make_project(scale="ranking", ranked_responses=3)
    make_comparison(project, ("a", "b", "c"))
    labeler = make_member(project)
    assignment = claim(labeler, project)
    assert assignment is not None
    a, b, c = assignment.order
    judge(assignment, Answer(Kind.PREFER, ((b,), (a, c))))
    pairs = {(p.chosen_id, p.rejected_id): p.kind for p in settled(project)}
    assert pairs == {(b, a): "prefer", (b, c): "prefer", (min(a, c), max(a, c)): "tie"}


def rewrite(project: Project, kind: str = Kind.PREFER, text: str = "Better still.") -> Judgment:
    labeler = make_member(project)
    assignment = claim(labeler, project)
    assert assignment is not None
    first, second = assignment.order
    tiers = ((first,), (second,)) if kind == Kind.PREFER else ((first, second),)
    return judge(assignment, Answer(kind, tiers, rewrite=text)).judgment


def by_people(project: Project) -> set[tuple[str, str]]:
    preferences = settled(project).filter(provenance=Preference.Provenance.HUMAN)
    return set(preferences.values_list("chosen__text", "rejected__text"))


@pytest.mark.django_db
def test_a_rewrite_is_a_response_by_a_person_preferred_over_the_better_one() -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project)
    judgment = rewrite(project)
    response = Response.objects.get(text="Better still.")
    assert (response.origin, judgment.rewrite) == (Response.Origin.HUMAN, response)
    better = Response.objects.get(pk=judgment.tiers[0][0])
    assert by_people(project) == {("Better still.", better.text)}
    assert claim(make_member(project), project) is None


@pytest.mark.django_db
def test_an_answer_to_a_check_keeps_no_rewrite_in_use() -> None:
    project = make_project(allow_rewrite=True, overlap=2, random_share=0)
    prompt = make_prompt(project)
    make_comparison(project, prompt=prompt, priority=1)
    make_comparison(project, ("Good.", "Poor."), prompt=prompt)
    as_work, as_check = rewrite(project), rewrite(project)
    assert as_work.rewrite == as_check.rewrite
    Judgment.objects.filter(pk=as_check.pk).update(purpose="gold", is_surplus=True)
    undo_last(as_work.labeler, project)
    assert by_people(project) == set()


@pytest.mark.django_db
def test_exported_judgments_carry_reasons_flags_and_rewrites() -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project)
    rewrite(project)
    (row,) = judgment_rows(project)
    assert (row["rewrite"], row["flag"], row["reasons"]) == ("Better still.", "", "")


@pytest.mark.django_db
def test_a_rewrite_where_both_are_bad_is_preferred_over_both() -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project)
    rewrite(project, Kind.BOTH_BAD)
    assert by_people(project) == {("Better still.", "Good."), ("Better still.", "Bad.")}


@pytest.mark.django_db
def test_a_rewrite_that_changes_nothing_is_none() -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project)
    judgment = rewrite(project, text="Good. ")
    assert judgment.rewrite is None
    assert by_people(project) == set()


@pytest.mark.django_db
def test_undo_takes_the_rewrite_out_of_use_and_the_same_words_bring_it_back() -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project)
    judgment = rewrite(project)
    labeler = judgment.labeler
    assignment = undo_last(labeler, project)
    assert by_people(project) == set()
    tiers = tuple((pk,) for pk in assignment.order)
    judge(assignment, Answer(Kind.PREFER, tiers, rewrite="Better still."))
    assert len(by_people(project)) == 1


@pytest.mark.django_db
def test_a_flagged_comparison_goes_to_others_and_to_the_curators_list(client: Any) -> None:
    project = make_project()
    comparison = make_comparison(project)
    labeler, curator = make_member(project), make_member(project, Role.CURATOR, "owner")
    assignment = claim(labeler, project)
    assert assignment is not None
    judge(assignment, Answer(Kind.FLAG, flag="unsafe", rationale="Ouch"))
    assert claim(labeler, project) is None
    assert [flag.flag for flag in flagged_page(project).flags] == ["unsafe"]
    client.force_login(curator)
    page = client.get(reverse("flagged", args=[project.slug])).content.decode()
    assert "Unsafe content" in page
    assert "Ouch" in page
    other = claim(make_member(project), project)
    assert other is not None
    assert withdraw_comparison(project, curator, comparison.pk)
    assert not withdraw_comparison(project, curator, comparison.pk)
    comparison.refresh_from_db()
    assert (comparison.state, comparison.slots_left) == (Comparison.State.WITHDRAWN, 0)


@pytest.mark.django_db
def test_only_curators_see_and_withdraw_what_is_flagged(client: Any) -> None:
    project = make_project()
    comparison = make_comparison(project)
    urls = [
        ("get", reverse("flagged", args=[project.slug])),
        ("post", reverse("flagged-withdraw", args=[project.slug, comparison.pk])),
    ]
    for user, status in [(make_member(project), 403), (make_user("outsider"), 404)]:
        client.force_login(user)
        for method, url in urls:
            assert getattr(client, method)(url).status_code == status
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.OPEN


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"scale": "binary"}, "About the same"),
        ({"scale": "levels"}, "significantly better"),
        ({"scale": "ranking", "ranked_responses": "5"}, 'name="place-E"'),
        ({"scale": "ranking", "ranked_responses": "99"}, 'name="place-D"'),
        ({"scale": "binary", "aspects": "helpful, honest", "shows-all": "1"}, "honest"),
    ],
)
def test_the_preview_shows_the_mode_and_saves_nothing(
    client: Any, data: dict[str, str], words: str
) -> None:
    client.force_login(make_user("owner"))
    html = client.post(reverse("mode-preview"), {"question": "Which?", **data}).content.decode()
    assert html.startswith('<figure id="mode-preview"')
    assert words in html
    assert "disabled inert" in html
    assert not Project.objects.exists()
