"""What a message holds beside its text is on the pages: folded, plain, and blind for labelers."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from labeling.material.shown.showing import BesideTexts, CannotBeShown, show, show_anyway
from labeling.models import Judgment, Preference, Project, Role, User
from labeling.texts.limits import MAX_SHOWN
from tests.factories import (
    claim_and_judge,
    make_member,
    make_project,
    make_prompt,
    make_response,
    queue,
)

pytestmark = pytest.mark.django_db

CALL = {"id": "call-7", "function": {"name": "search", "arguments": '{"words": "<b>Alps</b>"}'}}
CALLS = {"tool_calls": [CALL]}
THOUGHT = {"reasoning_content": "First the <i>Alps</i>."}


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def labeler(project: Project, client: Client) -> User:
    user = make_member(project)
    client.force_login(user)
    return user


def compare(project: Project, *answers: tuple[str, dict], **prompt) -> None:
    asked = make_prompt(project, "Where is snow?", **prompt)
    queue(*(make_response(asked, text, extra=extra) for text, extra in answers))


def page_of(client: Client, project: Project) -> str:
    return client.get(reverse("label", args=[project.slug])).content.decode()


def test_a_tool_call_is_shown_and_no_empty_response(project, labeler, client):
    compare(project, ("", CALLS), ("In the Alps.", {}))
    html = page_of(client, project)
    assert "<summary>Tool call: search</summary>" in html
    assert "&lt;b&gt;Alps&lt;/b&gt;" in html
    assert "This response is empty" not in html
    assert html.count("<details open>") == 1


def test_reasoning_is_folded_beside_a_text_and_never_formatted(project, labeler, client):
    compare(project, ("In the Alps.", THOUGHT), ("In the Alps.", {"reasoning_content": "Hm."}))
    html = page_of(client, project)
    assert html.count("<summary>Reasoning</summary>") == 2
    assert "First the &lt;i&gt;Alps&lt;/i&gt;." in html
    assert "<details open>" not in html


def test_tools_of_the_prompt_and_calls_of_earlier_messages_are_shown(project, labeler, client):
    prompt = [
        {"role": "user", "content": "Where is snow?"},
        {"role": "assistant", "content": "", **CALLS},
        {"role": "tool", "content": "In the Alps.", "tool_call_id": "call-7"},
    ]
    compare(project, ("A", {}), ("B", {}), extra={"tools": [{"name": "search"}]})
    project.prompts.update(messages=prompt)
    html = page_of(client, project)
    assert "Tools that it may call" in html
    assert "<summary>Tool call: search</summary>" in html
    assert "call-7" in html


def test_what_is_said_about_an_answer_never_reaches_a_labeler(project, labeler, client):
    about = {"model": "secretive-7b", "name": "secretive", "score": 0.77, "id": "secret-id"}
    compare(project, ("In the Alps.", THOUGHT | about), ("At the poles.", about))
    html = page_of(client, project)
    assert "secret" not in html
    assert "0.77" not in html


def test_curators_see_all_of_it_in_table_and_drawer(project, labeler, client):
    compare(project, ("", CALLS | {"model": "secretive-7b"}), ("In the Alps.", {}))
    claim_and_judge(labeler, project)
    client.force_login(make_member(project, Role.CURATOR))
    table = client.get(reverse("preferences", args=[project.slug])).content.decode()
    assert "(empty)" not in table
    one = reverse("preference", args=[project.slug, Preference.objects.get().pk])
    html = client.get(one).content.decode()
    assert "<summary>Tool call: search</summary>" in html
    assert "secretive-7b" in html
    assert "(empty)" not in html


def test_my_own_answer_shows_what_i_saw(project, labeler, client):
    compare(project, ("", CALLS | {"model": "secretive-7b"}), ("In the Alps.", {}))
    claim_and_judge(labeler, project)
    judgment = Judgment.objects.get(labeler=labeler)
    page = client.get(reverse("my-judgment", args=[project.slug, judgment.pk])).content.decode()
    assert "<summary>Tool call: search</summary>" in page
    assert "secretive" not in page
    assert "This response is empty" not in page


def test_half_a_character_beside_a_text_cannot_be_shown_to_labelers_and_is_to_curators():
    asked = [{"role": "user", "content": "Where is snow?"}]
    beside = BesideTexts({}, [{"reasoning_content": "\ud83d"}, {}])
    with pytest.raises(CannotBeShown, match="half a character"):
        show(asked, ["A", "B"], beside)
    assert show_anyway(asked, ["A", "B"], beside).responses[0].parts[0].text == "?"


def test_what_stands_beside_texts_counts_for_what_a_page_holds():
    asked = [{"role": "user", "content": "Where is snow?"}]
    beside = BesideTexts({}, [{"reasoning_content": "x" * MAX_SHOWN}, {}])
    with pytest.raises(CannotBeShown, match="a page shows at most"):
        show(asked, ["A", "B"], beside)


def test_a_call_of_a_million_characters_comes_whole_in_pieces(project, labeler, client):
    code = "print(1)\n" * 100_000
    call = {"name": "run", "arguments": code}
    compare(project, ("", {"tool_calls": [call]}), ("No.", {"reasoning_content": "so " * 300_000}))
    html = page_of(client, project)
    assert 400 < html.count('<span class="piece') < 2_000
    shown = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", html, re.DOTALL)
    assert shown and re.sub(r"</?span[^>]*>", "", shown[1]) == code


@pytest.mark.parametrize("levels", [300, 900, 100_000])
def test_arguments_nested_however_deeply_are_shown_within_a_few_times_their_length(
    project, labeler, client, levels
):
    arguments = "[" * levels + "1," * 1_000 + "1" + "]" * levels
    call = {"name": "run", "arguments": arguments}
    compare(project, ("", {"tool_calls": [call]}), ("No.", {}))
    html = page_of(client, project)
    assert "Tool call: run" in html
    assert len(html) < 10 * len(arguments) + 50_000
