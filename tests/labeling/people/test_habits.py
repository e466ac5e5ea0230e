"""A labeler's own keys and reading: what is accepted, refused in words, kept and reset."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from labeling.judging.modes import BINARY, LEVELS, AnswerBar
from labeling.models import Project, User
from labeling.people.habits import (
    ACTIONS,
    DEFAULT_KEYS,
    Habits,
    HabitsError,
    habits_of,
    reset_keys,
    set_habits,
)
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def labeler() -> User:
    return make_user("ada")


def post(client: Client, labeler: User, **fields: str) -> int:
    client.force_login(labeler)
    status = client.post(reverse("my-settings"), {"instant": "yes", **fields}).status_code
    labeler.refresh_from_db()
    return status


def test_defaults_do_not_contradict_each_other() -> None:
    assert len(DEFAULT_KEYS) == len(set(DEFAULT_KEYS))
    assert Habits().keys == {}


def test_every_key_of_the_page_can_be_changed() -> None:
    templates = Path(settings.BASE_DIR / "templates" / "judging").rglob("*.html")
    text = "".join(re.sub(r"{%.*?%}|{{.*?}}", " ", each.read_text()) for each in templates)
    keys = {key for names in re.findall(r'data-keys="([^"]*)"', text) for key in names.split()}
    assert {"s", "u", "d", "r"} <= keys <= set(DEFAULT_KEYS)


def test_every_action_is_done_by_a_button_or_a_script() -> None:
    places = ["templates/judging", "static/js/labeling"]
    files = [file for place in places for file in Path(settings.BASE_DIR / place).rglob("*.*")]
    text = "".join(file.read_text() for file in files)
    pressed = {key for names in re.findall(r'data-keys="([^"{]*)"', text) for key in names.split()}
    pressed |= {key for button in [*BINARY, *LEVELS] for key in button.keys.split()}
    ranked = {str(place) for place in AnswerBar(Project(), 9).places}
    scrolled = re.search(r"const SCROLL = {(.*?)};", text, re.DOTALL)
    assert scrolled is not None
    scrolling = set(re.findall(r'(?:"(\S)"|\b(\w)):', scrolled.group(1)))
    assert set(DEFAULT_KEYS) <= pressed | ranked | {a or b for a, b in scrolling}


def test_the_page_for_labelers_names_keys_that_there_are() -> None:
    text = Path(settings.BASE_DIR / "docs" / "for-labelers.md").read_text()
    keys = {key.lower() for key in re.findall(r"`([^`]+)`", text)} - {"enter"}
    assert {"1", "0", "s", "u"} <= keys <= set(DEFAULT_KEYS)


def test_the_key_of_an_action_that_is_gone_costs_no_other_key(labeler: User) -> None:
    labeler.ui_preferences = {
        "density": "compact",
        "keys": {"x": "s", "s": "x", "0": "9", "9": "0"},
    }
    assert habits_of(labeler) == Habits(density="compact", keys={"s": "x", "0": "9", "9": "0"})


def test_own_keys_and_reading_are_kept(client: Client, labeler: User) -> None:
    fields = {"key-1": "Q", "text_size": "large", "density": "compact"}
    assert post(client, labeler, **fields) == 302
    assert habits_of(labeler) == Habits("large", "compact", True, {"1": "q"})


def test_two_actions_may_swap_their_keys(client: Client, labeler: User) -> None:
    assert post(client, labeler, **{"key-j": "k", "key-k": "j"}) == 302
    assert habits_of(labeler).keys == {"j": "k", "k": "j"}


@pytest.mark.parametrize(
    ("action", "key", "words"),
    [
        ("1", "u", "is the key for “Undo” already"),
        ("s", "Enter", "Enter keeps its meaning"),
        ("s", "ab", "Press one key"),
    ],
)
def test_keys_that_cannot_be_are_refused_beside_their_field(
    client: Client, labeler: User, action: str, key: str, words: str
) -> None:
    client.force_login(labeler)
    response = client.post(reverse("my-settings"), {f"key-{action}": key, "density": "compact"})
    html = response.content.decode()
    assert response.status_code == 422
    assert words in html
    number = next(n for n, known in enumerate(ACTIONS) if known.key == action)
    assert f'id="error-{number}"' in html
    assert f'value="{key}"' in html, "what was entered is there to be mended"
    labeler.refresh_from_db()
    assert labeler.ui_preferences == {}


def test_reset_brings_the_keys_back_and_keeps_the_rest(client: Client, labeler: User) -> None:
    post(client, labeler, **{"key-1": "q", "text_size": "large", "density": "compact"})
    post(client, labeler, reset="yes")
    assert habits_of(labeler) == Habits("large", "compact", True, {})


@pytest.mark.parametrize(
    "stored", [[], {"keys": {"1": "u"}}, {"text_size": "huge"}, {"keys": "x"}, {"keys": {"é": "q"}}]
)
def test_stored_nonsense_falls_back_to_the_defaults(labeler: User, stored: object) -> None:
    labeler.ui_preferences = stored
    assert habits_of(labeler) == Habits()


def test_unknown_sizes_are_refused() -> None:
    with pytest.raises(HabitsError, match="text_size"):
        Habits(text_size="huge")


def test_nobody_signed_out_has_settings(client: Client) -> None:
    assert client.get(reverse("my-settings"))["Location"].startswith("/sign-in/")


def test_settings_lead_back_only_within_the_site(client: Client, labeler: User) -> None:
    client.force_login(labeler)
    url = reverse("my-settings")
    away = client.post(url, {"next": "https://evil.example/"})
    assert away["Location"] == "/"
    assert client.post(url, {"next": "/projects/x/label/"})["Location"] == "/projects/x/label/"


def test_settings_show_no_link_away_from_the_site(client: Client, labeler: User) -> None:
    client.force_login(labeler)
    for away in ("javascript:alert(1)", "https://evil.example/"):
        assert away not in client.get(reverse("my-settings"), {"next": away}).content.decode()


def test_default_keys_keep_what_another_tab_has_saved(client: Client, labeler: User) -> None:
    client.force_login(labeler)
    set_habits(labeler, Habits(keys={"1": "q"}))
    stale = User.objects.get(pk=labeler.pk)
    set_habits(labeler, Habits(text_size="large", keys={"1": "q"}))
    reset_keys(stale)
    assert habits_of(User.objects.get(pk=labeler.pk)) == Habits(text_size="large")


def test_a_new_action_that_takes_a_key_over_costs_that_key_alone() -> None:
    user = User(ui_preferences={"text_size": "large", "keys": {"s": "b", "u": "q"}})
    habits = habits_of(user)
    assert (habits.text_size, habits.keys) == ("large", {"u": "q"})
