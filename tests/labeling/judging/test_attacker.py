"""A labeler who reads no text but everything else that the page gives: what is asked why, and which
side is the right or the new one, is no better than a guess."""

import random
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat

import pytest
from django.test import Client
from django.utils import timezone

from labeling.importing import import_file
from labeling.judging.recording import undo_last
from labeling.material.adding import add_pairs
from labeling.models import (
    Assignment,
    Comparison,
    ComparisonResponse,
    Gold,
    Judgment,
    Project,
    Response,
    User,
)
from labeling.models.work import Purpose
from labeling.quality import gold
from labeling.queue.leases import expire_leases, let_go
from tests.factories import (
    claim,
    claim_and_judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
    queue,
    release_all,
    submit,
)
from tests.labeling.quality.test_gold import LONG

# The namespace and the name from which ids were computed once: the attacker knows the source.
OLD_NAMESPACE = uuid.UUID("5b0f6c3e-57b4-4f3c-9d36-0c3f4a8f1f7e")
CHANCE = (0.46, 0.54)  # of 2,000 guesses, more than 3.5 standard deviations either way


@dataclass(frozen=True)
class Seen:
    """What an attacker knows of one hand-out, and whether the sought response is on the left."""

    uuid: uuid.UUID
    comparison: int
    labeler: int
    is_left: bool


def guesses(seen: Sequence[Seen]) -> Iterable[tuple[str, list[bool]]]:
    """Ways to guess "left" without reading."""

    def shuffled(one: Seen) -> bool:
        places = [0, 1]
        random.Random(one.uuid.int).shuffle(places)
        return places[0] == 0

    def computed(one: Seen) -> bool:
        return (
            random.Random(uuid.uuid5(OLD_NAMESPACE, f"{one.comparison}/{one.labeler}").int).random()
            < 0.5
        )

    yield "always left", [True for _ in seen]
    yield "seeded by the id", [shuffled(one) for one in seen]
    yield "computed from public numbers", [computed(one) for one in seen]
    for bit in (0, 1, 7, 61, 127):
        yield f"bit {bit} of the id", [bool(one.uuid.int >> bit & 1) for one in seen]
    yield "odd comparison", [bool(one.comparison % 2) for one in seen]
    yield "as last time", [True, *(one.is_left for one in seen[:-1])]
    by_id = sorted(range(len(seen)), key=lambda place: seen[place].uuid)
    lower = set(by_id[: len(seen) // 2])
    yield "the lower half of the ids", [place in lower for place in range(len(seen))]


def assert_no_better_than_chance(seen: Sequence[Seen]) -> None:
    for name, guessed in guesses(seen):
        right = sum(one.is_left == left for one, left in zip(seen, guessed, strict=True))
        assert CHANCE[0] < right / len(seen) < CHANCE[1], f"{name}: {right} of {len(seen)}"


def hand_out_all(project: Project, labelers: Sequence[User], sought: dict[int, int]) -> list[Seen]:
    """Every labeler gets everything; `sought` names a response of each comparison."""
    seen = []
    for labeler in labelers:
        while assignment := claim(labeler, project):
            response_id = sought[assignment.comparison_id]
            seen.append(
                Seen(
                    assignment.uuid,
                    assignment.comparison_id,
                    labeler.pk,
                    assignment.order[0] == response_id,
                )
            )
            Assignment.objects.filter(pk=assignment.pk).update(state="skipped")
    return seen


@pytest.mark.django_db
def test_the_side_of_gold_cannot_be_guessed() -> None:
    project = make_project(overlap=1, qualification_items=100)
    for _ in range(100):
        make_response(make_prompt(project), LONG)
    release_all(project, gold.construct(project, make_member(project, role="curator"), 100))
    sought = {made.comparison_id: made.expected[0][0] for made in Gold.objects.all()}
    assert_no_better_than_chance(
        hand_out_all(project, [make_member(project) for _ in range(20)], sought)
    )


@pytest.mark.django_db
def test_the_side_of_the_newer_response_cannot_be_guessed() -> None:
    project = make_project(overlap=20, gold_share=0)
    comparisons = [make_comparison(project) for _ in range(100)]
    sought = {
        comparison.pk: max(r.pk for r in comparison.responses.all()) for comparison in comparisons
    }
    assert_no_better_than_chance(
        hand_out_all(project, [make_member(project) for _ in range(20)], sought)
    )


@pytest.mark.django_db
def test_places_tell_neither_gold_nor_age(tmp_path) -> None:
    """The right answer of gold, and the first response of a file, stand in any place."""
    project = make_project(overlap=1)
    for _ in range(100):
        make_response(make_prompt(project), LONG)
    release_all(project, gold.construct(project, make_member(project, role="curator"), 100))
    right = {made.expected[0][0] for made in Gold.objects.all()}
    first = ComparisonResponse.objects.filter(position=0)
    assert 20 < first.filter(response__in=right).count() < 80
    file = tmp_path / "pairs.jsonl"
    row = '{{"prompt": "Say {0}", "responses": ["alpha {0}", "omega {0}"]}}\n'
    file.write_text("".join(row.format(number) for number in range(100)))
    with file.open("rb") as opened:
        import_file(project, None, opened, name="pairs.jsonl")
    assert 20 < first.filter(response__text__startswith="alpha").count() < 80
    prompts = [make_prompt(project) for _ in range(100)]
    old_and_new = {
        prompt.pk: [make_response(prompt, text).pk for text in ("current", "candidate")]
        for prompt in prompts
    }
    add_pairs(project, old_and_new, repeat(1.0), 1)
    assert 20 < first.filter(response__text="candidate").count() < 80


@pytest.mark.django_db
def test_a_lease_taken_anew_keeps_its_id_and_its_sides() -> None:
    """The page may still be open from the first time, and say "left"."""
    project = make_project(overlap=1, gold_share=0)
    for _ in range(12):
        make_comparison(project)
    ann = make_member(project)
    first = {}
    while assignment := claim(ann, project):
        first[assignment.comparison_id] = (assignment.uuid, assignment.order)
        Assignment.objects.update(state="skipped")
    Assignment.objects.update(state="expired")
    Comparison.objects.update(slots_left=1)
    again = {}
    while assignment := claim(ann, project):
        again[assignment.comparison_id] = (assignment.uuid, assignment.order)
        assert [response.pk for response in assignment.shown or []] == assignment.order
        Assignment.objects.filter(pk=assignment.pk).update(state="skipped")
    assert first == again


@pytest.mark.django_db
def test_a_page_of_gold_of_a_repeat_and_of_work_are_the_same_but_for_the_texts() -> None:
    """Byte by byte and header by header, with the random ids taken out."""
    pages = {
        Purpose.WORK: page_of(Purpose.WORK),
        Purpose.GOLD: page_of(Purpose.GOLD),
        Purpose.REPEAT: page_of(Purpose.REPEAT),
    }
    assert pages[Purpose.WORK] == pages[Purpose.GOLD] == pages[Purpose.REPEAT]


def page_of(purpose: Purpose) -> tuple[str, list[str]]:
    project = make_project(
        slug=f"p-{purpose}", name="The project", overlap=1, gold_share=0, repeat_share=0.5
    )
    ann = make_member(project)
    prompt = make_prompt(project, "What is one plus one?")
    made = make_comparison(project, ("It is two.", "It is two!"), prompt=prompt)
    if purpose == Purpose.GOLD:
        order = [response.pk for response in made.responses.all()]
        Gold.objects.create(
            project=project, comparison=made, expected=[[order[0]], [order[1]]], origin="truncated",
            released_at=timezone.now(),
        )  # fmt: skip
        Comparison.objects.filter(pk=made.pk).update(state="check", slots_left=0, wanted=0)
        Project.objects.filter(pk=project.pk).update(gold_share=0.5)
    if purpose == Purpose.REPEAT:
        claim_and_judge(ann, project)
        Assignment.objects.update(repeat_at="2026-01-01T00:00Z")
        Judgment.objects.update(created_at="2026-01-01T00:00Z")
    project.refresh_from_db()
    # A check that is due comes by chance.
    held = next(held for _ in range(200) if (held := claim(ann, project)))
    assert held.purpose == purpose
    client = Client(headers={"host": "localhost"})
    client.force_login(ann)
    answer = client.get(f"/projects/{project.slug}/label/")
    html = answer.content.decode().replace(str(held.uuid), "UUID").replace(project.slug, "SLUG")
    html = re.sub(r'(csrfmiddlewaretoken" value|X-CSRFToken&quot;|"X-CSRFToken")[^>]*', "", html)
    html = re.sub(r'data-(labeler|known|guidelines)="\d+"', "", html)
    html = html.replace(ann.username, "ANN")
    # Which of the two stands left is chance: both orders count as the same page.
    sides = sorted(re.findall(r'<div class="prose raw" dir="auto">[^<]*', html))
    html = re.sub(r"It is two[.!]", "It is two", html)
    timed = ("Expires", "Content-Length")
    headers = [f"{name}: {value}" for name, value in answer.items() if name not in timed]
    return html, [*sides, *headers]


@pytest.mark.django_db
def test_numbers_of_rows_never_reach_the_page() -> None:
    project = make_project(overlap=1, gold_share=0, random_share=0)
    made = make_comparison(project)
    numbers = [8_765_432, 7_654_321, 6_543_210]
    for number, text in zip(numbers, ("One text.", "Another."), strict=False):
        Response.objects.create(
            pk=number, prompt=made.prompt, text=text, digest=text, origin="human"
        )
    both = Response.objects.filter(pk__in=numbers)
    queue(*both.select_related("prompt__project"), priority=1)
    client = Client(headers={"host": "localhost"})
    client.force_login(make_member(project))
    answer = client.get(f"/projects/{project.slug}/label/")
    html = answer.content.decode()
    assert "One text." in html
    assert not any(str(number) in html + str(answer.headers) for number in numbers)


@pytest.mark.django_db
def test_a_labeler_sees_how_far_the_project_is_in_steps_too_coarse_to_tell_a_check() -> None:
    """A count that stands still after an answer would say that it was a check."""
    project = make_project(overlap=1, gold_share=0)
    for _ in range(30):
        make_comparison(project)
    ann = make_member(project)
    client = Client(headers={"host": "localhost"})
    client.force_login(ann)
    for _ in range(5):
        claim_and_judge(ann, project)
    for page in ("/", f"/projects/{project.slug}/my-work/"):
        before = client.get(page).content.decode()
        assert "about 10 %" in before
        assert "5 of 30" not in before
    curator = Client(headers={"host": "localhost"})
    curator.force_login(make_member(project, role="curator"))
    assert "5 of 30" in curator.get("/").content.decode()


@pytest.mark.django_db
def test_the_figures_of_ones_own_work_do_not_move_by_one_answer() -> None:
    """A figure that counts work alone, or repeats alone, would say what each answer was to."""
    project = make_project(overlap=1, gold_share=0, repeat_share=0)
    for _ in range(4):
        make_comparison(project)
    ann = make_member(project)
    client = Client(headers={"host": "localhost"})
    client.force_login(ann)
    claim_and_judge(ann, project)
    yesterday = timezone.now() - timedelta(days=1)
    Judgment.objects.update(created_at=yesterday)
    before = figures_of(client, project)
    assert "there are 1." in before
    first = Judgment.objects.get()
    claim_and_judge(ann, project)
    assert figures_of(client, project) == before
    # Nor by an answer of yesterday that is taken back today.
    first.superseded_at = timezone.now()
    first.save()
    assert figures_of(client, project) == before


def figures_of(client: Client, project: Project) -> str:
    html = client.get(f"/projects/{project.slug}/my-work/").content.decode()
    return html.partition('<dl class="measures"')[2].partition("</dl>")[0]


@pytest.mark.django_db
@pytest.mark.parametrize("purpose", [Purpose.WORK, Purpose.GOLD, Purpose.REPEAT])
@pytest.mark.parametrize("way", ["undo", "let go"])
def test_what_one_gave_back_comes_again_whatever_it_is_for(purpose: Purpose, way: str) -> None:
    """If only work did, then who gives a comparison back would see by the next one whether it was
    a check, and be rid of it."""
    project = make_project(overlap=1, gold_share=0, repeat_share=0, random_share=0)
    ann = make_member(project)
    for _ in range(6):
        make_comparison(project)
    for made in [make_comparison(project) for _ in range(6)]:
        best, worst = (response.pk for response in made.responses.all())
        Gold.objects.create(
            project=project, comparison=made, expected=[[best], [worst]], origin="truncated",
            released_at=timezone.now(),
        )  # fmt: skip
        Comparison.objects.filter(pk=made.pk).update(state="check", slots_left=0, wanted=0)
    _, following = submit(claim(ann, project), "left")
    Assignment.objects.filter(state="judged").update(repeat_at="2026-01-01T00:00Z")
    submit(following, "left")  # what is taken back below
    set_shares(project, gold=purpose == Purpose.GOLD, repeat=purpose == Purpose.REPEAT)
    held = held_for(purpose, ann, project)
    assert held is not None and held.purpose == purpose
    set_shares(project, gold=True, repeat=True)
    if way == "undo":
        submit(undo_last(ann, project), "left")
    else:
        let_go([held.uuid], ann.pk, timedelta(0))
        expire_leases(timezone.now() + timedelta(seconds=1))
    again = claim(ann, project)
    assert again is not None
    assert (again.uuid, again.order, again.purpose) == (held.uuid, held.order, purpose)


def set_shares(project: Project, *, gold: bool, repeat: bool) -> None:
    project.gold_share, project.repeat_share = gold * 0.5, repeat * 0.5
    project.save()


def held_for(purpose: Purpose, labeler: User, project: Project) -> Assignment | None:
    """A check that is due comes by chance."""
    for _ in range(200):
        held = claim(labeler, project)
        if held is None or held.purpose == purpose:
            return held
        Assignment.objects.filter(pk=held.pk).delete()
        Comparison.objects.filter(pk=held.comparison_id).update(slots_left=1)
    return None
