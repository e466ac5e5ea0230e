"""When two texts are the same, and when they are near copies that share a split."""

import importlib
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing import import_file
from labeling.judging.modes import read_answer
from labeling.models import Judgment, Project, Prompt, Response, Role
from labeling.texts.sameness import (
    collapsed,
    near_digest,
    normalise,
    prompt_digest,
    response_digest,
    split_of,
)
from tests.factories import (
    claim,
    judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
)

LOOP = "for x in xs:\n    print(x)\n{}print('end')"
INSIDE, AFTER = LOOP.format("    "), LOOP.format("")
TEXTS = st.text(st.sampled_from("aAé\u0301 \n\t\x1b\x1d\x1e\x1fbdef"), max_size=12)


def take(project: Project, *rows: dict[str, Any]) -> Any:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return import_file(project, None, io.BytesIO(content), name="rows.jsonl")


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@given(TEXTS, TEXTS)
def test_what_is_the_same_is_a_near_copy_too(one: str, other: str) -> None:
    if normalise(one) == normalise(other):
        assert near_digest(asked(one)) == near_digest(asked(other))
        assert collapsed(one) == collapsed(other)


def test_unicode_form_and_white_space_at_the_end_make_no_difference() -> None:
    assert response_digest("cafe\u0301 \n") == response_digest("caf\u00e9")


@pytest.mark.parametrize("other", [" a b", "a  b", "a\nb", "A b", "a\u00a0b"])
def test_everything_else_does(other: str) -> None:
    assert response_digest("a b") != response_digest(other)


def test_no_text_reads_as_two_messages() -> None:
    two = [*asked("One"), {"role": "assistant", "content": "Two"}]
    assert prompt_digest(two) != prompt_digest(asked("One\x1eassistant\x1fTwo"))
    assert response_digest("a\x1eb") != response_digest("a\x1bеb")


@pytest.mark.django_db
def test_answers_that_differ_in_an_indentation_are_compared() -> None:
    report = take(make_project(), {"prompt": "A loop?", "responses": [INSIDE, AFTER]})
    assert (report.responses_new, report.comparisons_new, report.identical_pairs) == (2, 1, 0)


@pytest.mark.django_db
def test_a_triple_of_them_is_a_preference() -> None:
    report = take(make_project(), {"prompt": "A loop?", "chosen": AFTER, "rejected": INSIDE})
    assert (report.preferences_new, report.identical_pairs) == (1, 0)


@pytest.mark.django_db
def test_prompts_that_differ_in_an_indentation_are_two_in_one_split() -> None:
    project = make_project()
    rows = [{"prompt": INSIDE, "chosen": "1", "rejected": "2"}]
    report = take(project, *rows, {"prompt": AFTER, "chosen": "2", "rejected": "1"})
    assert (report.prompts_new, report.preferences_new, report.contradictory) == (2, 2, 0)
    assert len(set(project.prompts.values_list("split", flat=True))) == 1


@pytest.mark.django_db
def test_a_corrected_file_brings_the_corrected_text() -> None:
    project = make_project()
    take(project, {"prompt": "Sum?", "responses": ["def s(a):     return sum(a)", "Use sum."]})
    fixed = "def s(a):\n    return sum(a)"
    report = take(project, {"prompt": "Sum?", "responses": [fixed, "Use sum."]})
    assert (report.responses_new, report.responses_merged) == (1, 1)
    assert Response.objects.filter(text=fixed).exists()


@pytest.mark.django_db
def test_a_near_copy_follows_a_prompt_to_the_split_it_was_given_long_ago() -> None:
    project = make_project()
    first = make_prompt(project, "What is  a tide?")
    elsewhere = next(name for name in ("train", "test") if name != first.split)
    Prompt.objects.filter(pk=first.pk).update(split=elsewhere)
    take(project, {"prompt": "what is a tide?", "chosen": "Water.", "rejected": "No."})
    assert make_prompt(project, "What is a\ntide?").split == elsewhere
    assert {*project.prompts.values_list("split", flat=True)} == {elsewhere}
    assert project.preferences.get().split == elsewhere


@pytest.mark.django_db
def test_a_preference_stands_in_the_split_that_its_prompt_has() -> None:
    project = make_project()
    prompt = make_prompt(project, "Why?")
    elsewhere = next(name for name in ("train", "test") if name != split_of(prompt.near_digest))
    Prompt.objects.filter(pk=prompt.pk).update(split=elsewhere)
    take(project, {"prompt": "Why?", "chosen": "a", "rejected": "b"})
    assert project.preferences.get().split == elsewhere


@pytest.mark.django_db
def test_curators_see_how_many_preferences_are_about_near_copies(client: Client) -> None:
    project = make_project()
    rows = [
        {"prompt": text, "chosen": "a", "rejected": "b"} for text in ("Why?", "why ?", "why  ?")
    ]
    take(project, *rows)
    client.force_login(make_member(project, Role.CURATOR))
    address = reverse("preferences", args=[project.slug])
    context = client.get(address).context
    facet = next(facet for facet in context["facets"] if facet.name == "near")
    assert [(choice.value, choice.count) for choice in facet.choices] == [("prompts", 2)]
    assert client.get(f"{address}?{facet.choices[0].query}").context["total"] == 2


def rewritten(project: Project, text: str) -> Judgment:
    """As the page sends it: a browser's form ends its lines with both signs."""
    labeler = make_member(project)
    assignment = claim(labeler, project)
    assert assignment is not None
    form = QueryDict(mutable=True)
    form.update({"choice": "left", "rewrite": text.replace("\n", "\r\n")})
    answer = read_answer(form, project, assignment.order)
    return judge(assignment, answer).judgment


@pytest.mark.django_db
@pytest.mark.parametrize("text", [AFTER, f"    {INSIDE}"])
def test_a_rewrite_that_only_moves_a_line_is_kept(text: str) -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project, (INSIDE, "No idea."))
    judgment = rewritten(project, text)
    assert judgment.rewrite is not None
    assert judgment.rewrite.text == text


@pytest.mark.django_db
def test_a_rewrite_is_none_where_only_the_browser_changed_the_line_ends() -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project, ("one\r\ntwo", "No idea."))
    assert rewritten(project, "one\ntwo").rewrite is None


@pytest.mark.django_db
def test_old_digests_are_written_anew_and_splits_stay() -> None:
    project = make_project()
    prompts = [make_prompt(project, text) for text in ("One?", "Two\x1e\n?", "Cafe\u0301?")]
    responses = [make_response(prompts[0], text) for text in ("a", " a", "a\n b")]
    for row in [*prompts, *responses]:
        type(row)._base_manager.filter(pk=row.pk).update(digest=f"old {row.pk}")
    Prompt.objects.filter(project=project).update(near_digest="", split="dev")
    migration: Any = importlib.import_module("labeling.migrations.0025_exact_digests")
    migration.BATCH = 2
    migration.write_digests(apps, SimpleNamespace(connection=connection))
    for prompt in prompts:
        now = Prompt.objects.get(pk=prompt.pk)
        assert (now.digest, now.near_digest) == (prompt.digest, prompt.near_digest)
        assert now.split == "dev"
    for response in responses:
        assert Response.objects.get(pk=response.pk).digest == response.digest
