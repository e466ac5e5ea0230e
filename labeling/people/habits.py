"""How a labeler likes to work: their keys, size of text, density, and whether a key answers at
once. Kept on the user, so that it follows them to every project and browser."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction

from labeling.models import User


@dataclass(frozen=True)
class KeyAction:
    """Something a key does. Pages name the action by its default key, in `data-keys`."""

    key: str
    text: str


ACTIONS = (
    *(
        KeyAction(str(n), f"{name} choice; {name.lower()} place in a ranking")
        for n, name in enumerate(
            ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth"),
            start=1,
        )
    ),
    KeyAction("0", "Both bad; all bad in a ranking"),
    KeyAction("ArrowLeft", "The response on the left"),
    KeyAction("ArrowRight", "The response on the right"),
    KeyAction("s", "Skip"),
    KeyAction("u", "Undo"),
    KeyAction("f", "Flag"),
    KeyAction("w", "Write why"),
    KeyAction("t", "Write a better response"),
    KeyAction("a", "Choose by aspect"),
    KeyAction("j", "Scroll the responses down"),
    KeyAction("k", "Scroll the responses up"),
    KeyAction("[", "Scroll the left response only"),
    KeyAction("]", "Scroll the right response only"),
    KeyAction(".", "Scroll the prompt down"),
    KeyAction(",", "Scroll the prompt up"),
    KeyAction("d", "Show which words differ"),
    KeyAction("r", "Raw text"),
    KeyAction("e", "Earlier messages"),
    KeyAction("b", "Fold the answer bar"),
    KeyAction("g", "Guidelines"),
    KeyAction("?", "List of keys"),
)
DEFAULT_KEYS = tuple(action.key for action in ACTIONS)
# What a key is called where it has no character of its own.
KEY_NAMES = {
    "ArrowLeft": "←",
    "ArrowRight": "→",
    "ArrowUp": "↑",
    "ArrowDown": "↓",
    " ": "Space",
}
# These keep their meaning: they confirm, leave, move the focus, scroll.
RESERVED = {
    *("Enter", "Escape", "Tab", "Backspace", "ArrowUp", "ArrowDown"),
    *("PageUp", "PageDown", "Home", "End"),
}
# F1, F11 and F12 belong to the browser: help, full screen, its tools.
NAMED = {"ArrowLeft", "ArrowRight", "Delete", "Insert"} | {f"F{number}" for number in range(2, 11)}

TEXT_SIZES = {"small": "Small", "medium": "Medium", "large": "Large", "largest": "Largest"}
DENSITIES = {"comfortable": "Comfortable", "compact": "Compact"}


class HabitsError(ValueError):
    """A choice that cannot be; `action` is the default key of the field it belongs to."""

    def __init__(self, message: str, action: str = "") -> None:
        self.action = action
        super().__init__(message)


@dataclass(frozen=True)
class Habits:
    """`keys` holds what differs from the defaults: default key -> this person's key."""

    text_size: str = "medium"
    density: str = "comfortable"
    instant: bool = True
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.text_size not in TEXT_SIZES:
            raise HabitsError(f"text_size: {self.text_size!r} is not known")
        if self.density not in DENSITIES:
            raise HabitsError(f"density: {self.density!r} is not known")
        for action, key in self.keys.items():
            _check_key(action, key)
        _check_conflicts(self.keys)

    def key_for(self, action: KeyAction) -> str:
        return self.keys.get(action.key, action.key)


def _check_key(action: str, key: str) -> None:
    if action not in DEFAULT_KEYS:
        raise HabitsError(f"There is no action with the key {action!r}.")
    is_character = len(key) == 1 and key.isprintable() and not key.isspace() and not key.isupper()
    if key in RESERVED:
        raise HabitsError(f"{key} keeps its meaning; choose another key.", action)
    if not is_character and key not in NAMED:
        raise HabitsError("Press one key: a letter, a digit, a sign or F2 to F10.", action)


def _check_conflicts(keys: dict[str, str]) -> None:
    """Raises HabitsError where two actions have one key. A key whose own action has another one now
    is free."""
    taken: dict[str, str] = {}
    for action in ACTIONS:
        key = keys.get(action.key, action.key)
        if key in taken:
            changed = action.key if action.key in keys else taken[key]
            other = taken[key] if changed == action.key else action.key
            text = next(known.text for known in ACTIONS if known.key == other)
            raise HabitsError(f"“{key_name(key)}” is the key for “{text}” already.", changed)
        taken[key] = action.key


def key_name(key: str) -> str:
    return KEY_NAMES.get(key, key.upper() if len(key) == 1 else key)


def habits_of(user: User) -> Habits:
    """What the person chose.

    What no longer fits (an action is gone, or a new one took a key over) falls back to the default:
    a page must open whatever an older version has stored.
    """
    stored = user.ui_preferences if isinstance(user.ui_preferences, dict) else {}
    known = {name: stored[name] for name in ("text_size", "density", "instant") if name in stored}
    keys = stored.get("keys") or {}
    for choice in ({**known, "keys": keys}, {**known, "keys": _without_clashes(keys)}, known):
        try:
            return Habits(**choice)
        except (HabitsError, TypeError, AttributeError):
            continue
    return Habits()


def _without_clashes(keys: Any) -> dict[str, str]:
    """The person's keys without those that are another action's key today: one new action then
    costs one key, not all."""
    if not isinstance(keys, dict):
        return {}
    known = {action: key for action, key in keys.items() if action in DEFAULT_KEYS}
    taken = set(DEFAULT_KEYS) - known.keys()
    return {action: key for action, key in known.items() if key not in taken}


def set_habits(user: User, habits: Habits) -> None:
    user.ui_preferences = asdict(habits)
    user.save(update_fields=["ui_preferences"])


def reset_keys(user: User) -> None:
    """Sets the default keys again. All else stays, also what another tab saves at this moment."""
    with transaction.atomic():
        now = habits_of(User.objects.select_for_update(no_key=True).get(pk=user.pk))
        set_habits(user, Habits(text_size=now.text_size, density=now.density, instant=now.instant))


def habits_from(data: dict[str, Any]) -> Habits:
    """Reads the settings form. Fields named `key-<default>` hold a key each; an empty one means the
    default."""
    keys = {}
    for action in ACTIONS:
        key = str(data.get(f"key-{action.key}", "")).strip()
        if len(key) == 1:
            key = key.lower()
        if key and key != action.key:
            keys[action.key] = key
    return Habits(
        text_size=str(data.get("text_size", "medium")),
        density=str(data.get("density", "comfortable")),
        instant=data.get("instant") == "yes",
        keys=keys,
    )
