"""The curation pages: who may open them, what they show, what a filter and a search find."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from labeling.curation import finding
from labeling.curation.decisions import exclude
from labeling.curation.finding import (
    FilterError,
    PreferenceFilter,
    matching,
    preference_page,
    window_for,
)
from labeling.judging.recording import undo_last
from labeling.models import AuditEntry, Judgment, Preference, Project, Role, User
from tests.factories import (
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
    make_user,
    queue,
)

HTMX = {"HX-Request": "true"}
PAGES = ("curation", "preferences", "audit")
CHANGES = ("preferences-exclude", "preferences-restore", "preferences-undo")


@pytest.fixture
def project(db: Any) -> Project:
    return make_project(random_share=0)


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project, name="lena")


@pytest.fixture
def teammate(project: Project, client: Client) -> User:
    user = make_member(project, Role.CURATOR, "teammate")
    client.force_login(user)
    return user


def settle_one(project: Project, labeler: User, prompt: str = "", **fields: Any) -> Preference:
    """A comparison of "Good." and "Bad.", judged by the labeler; its preference."""
    if prompt:
        fields["prompt"] = make_prompt(project, prompt)
    make_comparison(project, **fields)
    claim_and_judge(labeler, project, "left")
    return Preference.objects.filter(project=project).latest("id")


def found(project: Project, **wanted: str) -> list[int]:
    asked = PreferenceFilter.parse(wanted)
    rows = matching(project, asked, window_for(project, asked))
    return sorted(rows.values_list("id", flat=True))


def url(name: str, project: Project, *args: Any) -> str:
    return reverse(name, args=[project.slug, *args])


# Who may


@pytest.mark.parametrize("name", PAGES)
def test_owner_and_teammate_see_the_pages_labelers_and_outsiders_do_not(
    name: str, project: Project, labeler: User, client: Client
) -> None:
    cast = {
        make_member(project, Role.ADMIN, "owner"): 200,
        make_member(project, Role.CURATOR, "teammate"): 200,
        labeler: 403,
        make_user("outsider"): 404,
    }
    for user, status in cast.items():
        client.force_login(user)
        assert client.get(url(name, project)).status_code == status, user.username
    client.logout()
    assert client.get(url(name, project)).status_code == 302


@pytest.mark.parametrize("name", CHANGES)
def test_neither_labelers_nor_outsiders_change_anything(
    name: str, project: Project, labeler: User, client: Client
) -> None:
    row = settle_one(project, labeler)
    for user, status in ((labeler, 403), (make_user("outsider"), 404)):
        client.force_login(user)
        data = {"id": row.pk, "reason": "Duplicate", "token": "1-a"}
        assert client.post(url(name, project), data).status_code == status
    row.refresh_from_db()
    assert not row.excluded
    assert not AuditEntry.objects.exists()


def test_a_preference_of_another_project_is_not_shown(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    other = make_project()
    row = settle_one(other, make_member(other))
    assert client.get(url("preference", project, row.pk)).status_code == 404


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_posts(name: str, project: Project, teammate: User, client: Client) -> None:
    assert client.get(url(name, project)).status_code == 405


# Filter and search


def test_each_filter_finds_its_rows(project: Project, labeler: User) -> None:
    first, second = settle_one(project, labeler), settle_one(project, labeler)
    Preference.objects.filter(pk=first.pk).update(split="train", arm="random", kind="tie")
    Preference.objects.filter(pk=second.pk).update(
        split="test", arm="active", kind="prefer", provenance="contested"
    )
    assert found(project, split="train") == [first.pk]
    assert found(project, arm="active") == [second.pk]
    assert found(project, kind="tie") == [first.pk]
    assert found(project, provenance="contested") == [second.pk]
    assert found(project, split="train", arm="active") == []


def test_states_share_out_every_row(project: Project, labeler: User) -> None:
    rows = [settle_one(project, labeler) for _ in range(3)]
    exclude(project, labeler, [rows[0].pk], "Duplicate")
    undo_last(labeler, project)
    states = {state: found(project, state=state) for state in finding.STATES}
    assert states == {"in_use": [rows[1].pk], "excluded": [rows[0].pk], "redoing": [rows[2].pk]}


def test_source_with_its_version_and_without(project: Project, labeler: User) -> None:
    prompt = make_prompt(project, "Hi")
    by_policy = make_response(prompt, "A", origin="policy", source="helper", policy_version=3)
    queue(by_policy, make_response(prompt, "B", source="gpt|x"))
    claim_and_judge(labeler, project)
    row = Preference.objects.get(project=project)
    assert found(project, source="3|helper") == [row.pk]
    assert found(project, source="|gpt|x") == [row.pk]
    assert found(project, source="2|helper") == []
    assert found(project, source="|helper") == []


def test_judged_by_on_a_day_with_an_answer(project: Project, labeler: User) -> None:
    row, other = settle_one(project, labeler), settle_one(project, make_member(project))
    yesterday = timezone.now() - timedelta(days=1)
    Judgment.objects.filter(comparison=row.comparison).update(created_at=yesterday)
    day = timezone.localdate(yesterday).isoformat()
    assert found(project, labeler="lena") == [row.pk]
    assert found(project, judged_on=day) == [row.pk]
    assert found(project, answer="prefer", judged_on=timezone.localdate().isoformat()) == [other.pk]
    assert found(project, answer="skip") == []


@pytest.mark.parametrize("text", ["red WINE", "ünïcode", "100%", "a_b", "#", '"quoted"', "世界"])
def test_search_finds_text_of_the_prompt_as_it_is_written(
    text: str, project: Project, labeler: User
) -> None:
    settle_one(project, labeler, prompt="Something else")
    row = settle_one(project, labeler, prompt=f"before {text.lower()} after")
    assert found(project, q=text) == [row.pk]


def test_search_looks_into_responses_labelers_and_ids(project: Project, labeler: User) -> None:
    row = settle_one(project, labeler, texts=("Use cold water.", "Burn it."))
    other = settle_one(project, make_member(project, name="otto"))
    assert found(project, q="cold wat") == [row.pk]
    assert found(project, q="burn it") == [row.pk]
    assert found(project, q="lena") == [row.pk]
    assert found(project, q=f"#{other.pk}") == [other.pk]


def test_search_does_not_find_the_names_of_json_keys(project: Project, labeler: User) -> None:
    settle_one(project, labeler, prompt="Hello")
    assert found(project, q="content") == found(project, q="role") == []


def test_search_reads_a_bounded_number_of_rows_and_goes_on_when_asked(
    project: Project, labeler: User, teammate: User, client: Client, monkeypatch: Any
) -> None:
    oldest = settle_one(project, labeler, prompt="needle")
    for _ in range(3):
        settle_one(project, labeler)
    monkeypatch.setattr(finding, "SEARCH_WINDOW", 2)
    answer = client.get(url("preferences", project), {"q": "needle"})
    assert answer.context["total"] == 0
    assert "Search older ones" in answer.content.decode()
    further = client.get(f"{url('preferences', project)}?{answer.context['search_on']}")
    assert [row.preference.pk for row in further.context["rows"]] == [oldest.pk]
    assert further.context["search_on"] is None


@pytest.mark.parametrize(
    "data",
    [
        {"split": "nope"},
        {"state": "x"},
        {"judged_on": "yesterday"},
        {"source": "helper"},
        {"source": "x|helper"},
        {"source": f"{10**12}|helper"},
        {"q": "x" * 201},
        {"q": "a\0b"},
    ],
)
def test_an_impossible_filter_is_refused_in_words(
    data: dict[str, str], project: Project, teammate: User, client: Client
) -> None:
    with pytest.raises(FilterError):
        PreferenceFilter.parse(data)
    answer = client.get(url("preferences", project), data)
    assert answer.status_code == 422
    assert "Clear all filters" in answer.content.decode()


def test_facets_count_what_a_click_would_show(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    rows = [settle_one(project, labeler) for _ in range(4)]
    Preference.objects.filter(pk__in=[row.pk for row in rows[:3]]).update(split="train")
    Preference.objects.filter(pk=rows[3].pk).update(split="test", kind="tie")
    settle_one(project, make_member(project, name="otto"))
    for asked in ({}, {"split": "train"}, {"labeler": "lena", "split": "test"}):
        answer = client.get(url("preferences", project), asked)
        assert answer.context["total"] == len(found(project, **asked))
        for facet in answer.context["facets"]:
            for choice in facet.choices:
                shown = found(project, **{**asked, facet.name: choice.value})
                assert choice.count == len(shown), (asked, facet.name, choice.value)


def test_pages_follow_each_other_without_gap_or_overlap(
    project: Project, labeler: User, monkeypatch: Any
) -> None:
    ids = [settle_one(project, labeler).pk for _ in range(7)][::-1]
    monkeypatch.setattr(finding, "PAGE_SIZE", 3)
    rows = Preference.objects.filter(project=project)
    first = preference_page(rows)
    second = preference_page(rows, before=first.older)
    last = preference_page(rows, before=second.older)
    pages = [[row.pk for row in page.rows] for page in (first, second, last)]
    assert pages == [ids[:3], ids[3:6], ids[6:]]
    assert (first.newer, last.older) == (None, None)
    assert [row.pk for row in preference_page(rows, after=last.newer).rows] == ids[3:6]


# Pages


@pytest.mark.parametrize("name", PAGES)
def test_a_page_costs_the_same_for_more_rows(
    name: str, project: Project, labeler: User, teammate: User, client: Client
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url(name, project)).status_code == 200
        return len(queries)

    exclude(project, teammate, [settle_one(project, labeler).pk], "Duplicate")
    statements()
    few = statements()
    more = [settle_one(project, make_member(project)).pk for _ in range(8)]
    exclude(project, teammate, more[:5], "Duplicate")
    assert statements() == few


def test_one_preference_costs_the_same_for_more_judgments(
    labeler: User, teammate: User, project: Project, client: Client
) -> None:
    def statements(judges: int) -> int:
        project.overlap = judges
        project.save()
        make_comparison(project)
        for _ in range(judges):
            claim_and_judge(make_member(project), project)
        row = Preference.objects.filter(project=project).latest("id")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url("preference", project, row.pk)).status_code == 200
        return len(queries)

    statements(1)
    assert statements(1) == statements(6)


def test_the_detail_shows_superseded_judgments_sides_reasons_and_history(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    row = settle_one(project, labeler, texts=("**Bold**", "<script>alert(1)</script>"))
    judge(undo_last(labeler, project), "right")
    Judgment.objects.filter(superseded_at=None).update(rationale="It is bold.", seconds=7.0)
    exclude(project, teammate, [row.pk], "Contains personal data")
    html = client.get(url("preference", project, row.pk)).content.decode()
    assert html.count("<strong>lena</strong>") == 2
    assert "taken back" in html
    assert "It is bold." in html
    assert "7 s" in html
    assert "guidelines v1" in html
    assert html.count("Chosen on the right") == 2  # the same sides when handed out again
    assert "Contains personal data" in html
    assert "<strong>Bold</strong>" in html
    assert "<script>alert" not in html


def test_a_row_opens_as_a_fragment_for_htmx_and_as_a_page_without(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    row = settle_one(project, labeler)
    where = url("preference", project, row.pk)
    fragment = client.get(where, headers=HTMX)
    assert fragment.content.decode().lstrip().startswith("<aside")
    assert "HX-Request" in fragment["Vary"]
    page = client.get(where).content.decode()
    assert "<h1>Preference" in page
    opened = client.get(url("preferences", project), {"open": row.pk}).content.decode()
    assert f'data-id="{row.pk}"' in opened


def test_excluding_without_scripts_comes_back_to_the_same_view_with_an_undo(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    row = settle_one(project, labeler)
    data = {"id": [row.pk], "reason": "Duplicate", "split": row.split}
    answer = client.post(url("preferences-exclude", project), data)
    assert answer["Location"] == f"{url('preferences', project)}?split={row.split}"
    page = client.get(answer["Location"])
    assert "1 preference excluded." in page.content.decode()
    token = page.context["last_change"]["token"]
    client.post(url("preferences-undo", project), {"token": token})
    row.refresh_from_db()
    assert not row.excluded
    assert "Undone: 1 preference restored." in client.get(answer["Location"]).content.decode()


def test_a_refused_change_answers_htmx_with_the_sentence_only(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    row = settle_one(project, labeler)
    answer = client.post(url("preferences-exclude", project), {"id": row.pk}, headers=HTMX)
    assert answer.status_code == 422
    assert answer["HX-Retarget"] == "#change-error"
    assert "Say in a few words why" in answer.content.decode()


def test_all_that_match_are_counted_and_confirmed_before_they_change(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    for _ in range(3):
        settle_one(project, labeler)
    high = Preference.objects.latest("id").pk
    data = {"all": "1", "reason": "Duplicate", "high": high, "kind": "prefer"}
    asked = client.post(url("preferences-exclude", project), data)
    assert asked.context["count"] == 3
    assert not Preference.objects.filter(excluded=True).exists()
    client.post(url("preferences-exclude", project), {**data, "expected": 3})
    assert Preference.objects.filter(excluded=True).count() == 3


def test_a_confirmation_overtaken_by_a_colleague_changes_nothing(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    rows = [settle_one(project, labeler) for _ in range(3)]
    high = rows[-1].pk
    exclude(project, make_member(project, Role.ADMIN), [rows[0].pk], "Broken")
    data = {"all": "1", "reason": "Duplicate", "high": high, "state": "in_use", "expected": 3}
    answer = client.post(url("preferences-exclude", project), data, headers=HTMX)
    assert answer.status_code == 422
    assert "Nothing was changed" in answer.content.decode()
    assert Preference.objects.filter(excluded=True).count() == 1


@pytest.mark.parametrize("ids", [["x"], [str(2**70)], ["-1"], []])
def test_made_up_ids_are_refused(
    ids: list[str], project: Project, labeler: User, teammate: User, client: Client
) -> None:
    settle_one(project, labeler)
    data = {"id": ids, "reason": "Duplicate"}
    answer = client.post(url("preferences-exclude", project), data, headers=HTMX)
    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["before", "after", "from", "open"])
@pytest.mark.parametrize("text", ["x", "-1", str(2**70), "²"])
def test_a_garbled_place_in_the_address_does_no_harm(
    name: str, text: str, project: Project, labeler: User, teammate: User, client: Client
) -> None:
    settle_one(project, labeler)
    assert client.get(url("preferences", project), {name: text}).status_code == 200


def test_empty_pages_say_what_to_do(project: Project, teammate: User, client: Client) -> None:
    assert "Import data" in client.get(url("curation", project)).content.decode()
    assert "Start labeling" in client.get(url("preferences", project)).content.decode()
    assert "Nothing has been changed yet" in client.get(url("audit", project)).content.decode()
    make_comparisons(project, 2)
    assert "2 comparisons wait for" in client.get(url("curation", project)).content.decode()


def test_every_link_of_a_chart_leads_to_as_many_rows_as_it_counts(
    project: Project, labeler: User, teammate: User, client: Client
) -> None:
    for _ in range(4):
        row = settle_one(project, labeler)
    exclude(project, teammate, [row.pk], "Duplicate")
    charts = client.get(url("curation", project)).context["charts"]
    counted = [chart for chart in charts if chart["series"] == "Preferences"]
    assert len(counted) == 3
    for chart in counted:
        for label, value, _, link in chart["rows"]:
            assert client.get(link).context["total"] == value, (chart["title"], label)


def test_the_audit_log_filters_and_pages(
    project: Project, labeler: User, teammate: User, client: Client, monkeypatch: Any
) -> None:
    rows = [settle_one(project, labeler) for _ in range(3)]
    exclude(project, teammate, [row.pk for row in rows], "Duplicate")
    monkeypatch.setattr("labeling.pages.curation.dashboard.AUDIT_PAGE", 2)
    where = url("audit", project)
    first = client.get(where)
    assert len(first.context["entries"]) == 2
    rest = client.get(f"{where}?{first.context['older']}")
    assert len(rest.context["entries"]) == 1
    one = client.get(where, {"target": f"preference {rows[1].pk}"})
    assert [line.entry.target_id for line in one.context["entries"]] == [str(rows[1].pk)]
    assert client.get(where, {"actor": "nobody"}).context["entries"] == []
