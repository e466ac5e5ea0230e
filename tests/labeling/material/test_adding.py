"""Rows of prompts, responses and comparisons: each once, whoever brings it."""

import random

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.material.adding import (
    Adding,
    NewPrompt,
    add_pairs,
    prompts_with_near_copies,
    responses_key,
)
from labeling.material.excerpts import EXCERPT, with_excerpts
from labeling.models import Comparison, ComparisonResponse, Preference, Project, Prompt, Response
from labeling.texts.sameness import prompt_digest, response_digest
from tests.factories import (
    claim_and_judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
)

pytestmark = pytest.mark.django_db


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def project() -> Project:
    return make_project()


@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=9, unique=True))
def test_the_name_of_a_set_of_responses_is_one_in_every_order(ids: list[int]) -> None:
    shuffled = random.Random(0).sample(ids, len(ids))
    assert responses_key(shuffled) == responses_key(ids)
    assert [int(part) for part in responses_key(ids).split("-")] == sorted(ids)


def test_the_longest_name_fits_its_column() -> None:
    ids = [2**63 - 1 - number for number in range(9)]
    column = Comparison._meta.get_field("responses_key")
    assert len(responses_key(ids)) <= (column.max_length or 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.lists(st.sampled_from(["Why?", "why?", "Why? ", "How?"]), min_size=1, max_size=6))
def test_prompts_are_there_once_each_in_whatever_parts_they_come(texts: list[str]) -> None:
    project = make_project()
    new = 0
    for text in texts:
        new += Adding(project).add_prompts({prompt_digest(asked(text)): NewPrompt(asked(text))}).new
    digests = {prompt_digest(asked(text)) for text in texts}
    assert set(project.prompts.values_list("digest", flat=True)) == digests
    assert new == len(digests)
    for near in project.prompts.values_list("near_digest", flat=True).distinct():
        splits = project.prompts.filter(near_digest=near).values_list("split", flat=True)
        assert len(set(splits)) == 1, "near copies stand in one split"


def test_what_is_there_already_keeps_its_source_and_tags(project: Project) -> None:
    first = make_prompt(project, "Why?", source="a", tags=["x", "x", "y"])
    again = make_prompt(project, "Why?", source="b", tags=["z"])
    assert again.pk == first.pk
    assert (again.source, again.tags) == ("a", ["x", "y"])


def test_a_split_from_an_export_holds_for_all_near_copies_of_one_call(project: Project) -> None:
    prompts = {
        prompt_digest(asked(text)): NewPrompt(asked(text), split=split)
        for text, split in (("Why?", "dev"), ("WHY?", "test"))
    }
    Adding(project).add_prompts(prompts)
    assert set(project.prompts.values_list("split", flat=True)) == {"dev"}


def test_a_group_of_rows_costs_the_same_however_large(project: Project) -> None:
    def statements(texts: list[str]) -> int:
        prompts = {prompt_digest(asked(text)): NewPrompt(asked(text)) for text in texts}
        with CaptureQueriesContext(
            connection,
        ) as captured:
            Adding(project).add_prompts(prompts)
        return len([query for query in captured if "INSERT" not in query["sql"]])

    few, many = statements(["a?"]), statements([f"{number}?" for number in range(40)])
    assert few == many


def test_a_response_is_found_again_and_not_written_over(project: Project) -> None:
    prompt = make_prompt(project)
    first = make_response(prompt, "Yes.", source="a")
    again = make_response(prompt, "Yes. ", source="b")
    assert (again.pk, again.text, again.source) == (first.pk, "Yes.", "a")
    assert make_response(prompt, "Yes.", extra={"refusal": "No."}).pk != first.pk


def test_a_response_of_another_prompt_is_another_row(project: Project) -> None:
    one, other = (make_response(make_prompt(project), "Yes.") for _ in range(2))
    assert one.pk != other.pk
    assert one.digest == other.digest == response_digest("Yes.")


def test_only_names_that_were_asked_for_are_looked_up(project: Project) -> None:
    prompt = make_prompt(project)
    first = make_response(prompt, "Yes.")
    make_response(prompt, "No.")
    name = (prompt.pk, first.digest)
    assert Adding(project).response_ids({name}) == {name: first.pk}
    assert Adding(project).response_ids({(prompt.pk, "other")}) == {}
    assert Adding(project).comparison_ids(set()) == {}


def test_a_comparison_asks_for_the_projects_overlap_and_has_a_place_for_each(
    project: Project,
) -> None:
    project.overlap = 3
    prompt = make_prompt(project)
    responses = [make_response(prompt, text) for text in ("a", "b", "c")]
    ids = [response.pk for response in responses]
    name = (prompt.pk, responses_key(ids))
    added = Adding(project).queue_comparisons({name: ids}, priorities=[0.5], round_number=4)
    comparison = Comparison.objects.get(pk=added.ids[name])
    assert (comparison.wanted, comparison.slots_left, comparison.size) == (3, 3, 3)
    assert (comparison.priority, comparison.round_number) == (0.5, 4)
    places = ComparisonResponse.objects.filter(comparison=comparison)
    assert sorted(places.values_list("response_id", flat=True)) == ids
    assert sorted(places.values_list("position", flat=True)) == [0, 1, 2]


def test_a_comparison_that_is_there_stays_as_it_is(project: Project) -> None:
    comparison = make_comparison(project)
    ids = list(comparison.responses.values_list("pk", flat=True))
    name = (comparison.prompt_id, comparison.responses_key)
    added = Adding(project).queue_comparisons({name: ids}, priorities=[0.9])
    assert (added.new, added.ids) == (0, {name: comparison.pk})
    comparison.refresh_from_db()
    assert comparison.priority == 0.0
    assert ComparisonResponse.objects.count() == 2


def test_a_pair_that_was_to_be_new_and_is_not_is_an_error(project: Project) -> None:
    prompts = [make_prompt(project) for _ in range(2)]
    pairs = {
        prompt.pk: [make_response(prompt, text).pk for text in ("a", "b")] for prompt in prompts
    }
    ids = add_pairs(project, pairs, [0.1, 0.2], 1)
    priorities = Comparison.objects.in_bulk(ids.values())
    assert [priorities[ids[prompt.pk]].priority for prompt in prompts] == [0.1, 0.2]
    with pytest.raises(IntegrityError):
        add_pairs(project, pairs, [0.1, 0.2], 1)


def test_nothing_to_add_asks_for_nothing_new(project: Project) -> None:
    adding = Adding(project)
    assert adding.add_prompts({}).new == adding.add_responses({}).new == 0
    assert adding.queue_comparisons({}).ids == {}


def test_near_copies_are_those_of_one_project(project: Project) -> None:
    first, second = make_prompt(project, "Why?"), make_prompt(project, "why?")
    make_prompt(project, "How?")
    make_prompt(make_project(), "WHY?")
    Prompt.objects.filter(pk=make_prompt(project, "Odd?").pk).update(near_digest="")
    Prompt.objects.filter(pk=make_prompt(project, "Older?").pk).update(near_digest="")
    near = prompts_with_near_copies(project)
    assert set(near.values_list("pk", flat=True)) == {first.pk, second.pk}


def settled(project: Project, texts: tuple[str, str], messages: list[dict[str, str]]) -> Preference:
    prompt = make_prompt(project, messages=messages)
    comparison = make_comparison(project, texts, prompt=prompt)
    claim_and_judge(make_member(project), project)
    return Preference.objects.get(comparison=comparison)


def test_a_row_of_a_table_has_the_beginnings_and_the_number_of_messages(project: Project) -> None:
    long = "é" * (EXCERPT + 50)
    messages = [*asked("Hi."), {"role": "assistant", "content": "Hello."}, *asked(long)]
    preference = settled(project, (long, "Short."), messages)
    (row,) = with_excerpts(Preference.objects.filter(pk=preference.pk))
    assert row.prompt_excerpt == "é" * EXCERPT  # type: ignore[attr-defined]
    assert row.earlier_messages == 2  # type: ignore[attr-defined]
    excerpts = {row.chosen_excerpt, row.rejected_excerpt}  # type: ignore[attr-defined]
    assert excerpts == {"é" * EXCERPT, "Short."}


def test_a_response_without_a_text_is_shown_by_what_it_holds(project: Project) -> None:
    preference = settled(project, ("Yes.", "No."), asked("Why?"))
    Response.objects.filter(pk=preference.chosen_id).update(
        text="", extra={"tool_calls": [{"name": "search"}]}
    )
    Response.objects.filter(pk=preference.rejected_id).update(text="")
    (row,) = with_excerpts(Preference.objects.all())
    assert "search" in row.chosen_excerpt  # type: ignore[attr-defined]
    assert row.rejected_excerpt == ""  # type: ignore[attr-defined]
