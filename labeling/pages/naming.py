"""Names rows that a page knows by kind and key: by their version or name, with a link.

The kinds of this app are named here; other apps add theirs when they are ready (`add_namer`), so
that nothing here imports them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.urls import reverse

from labeling.models import (
    Gold,
    GuidelineVersion,
    Invitation,
    Membership,
    Preference,
    Project,
    Snapshot,
    User,
    Webhook,
)


@dataclass(frozen=True)
class Named:
    text: str
    url: str = ""


Key = tuple[str, str]  # kind, as the name of its model; key, as a text
Finder = Callable[[Project, Collection[int]], dict[int, Named]]


@dataclass(frozen=True)
class Namer:
    """How rows of one kind are named. `words` say the kind. `find` names the rows that exist among
    the given keys. `of_version` returns the key of a version, where the kind has versions."""

    words: str
    find: Finder
    of_version: Callable[[Project, int], int | None] | None = None


@dataclass(frozen=True)
class FieldWords:
    """A field as pages call it, and its choices by value where it has some."""

    label: str
    choices: Mapping[str, str] = field(default_factory=dict)


_namers: dict[str, Namer] = {}
_fields: dict[tuple[str, str], FieldWords] = {}


def add_namer(kind: str, namer: Namer) -> None:
    _namers[kind] = namer


def add_fields(kind: str, words: Mapping[str, FieldWords]) -> None:
    """Tells the audit log how to call the fields of a kind that another app keeps."""
    _fields.update({(kind, name): one for name, one in words.items()})


def field_words(kind: str, name: str) -> FieldWords | None:
    return _fields.get((kind, name))


def names_of(project: Project, keys: Iterable[Key]) -> dict[Key, Named]:
    """Returns a name for every key, with one query for each kind. Of a row that is gone, the name
    says so."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for kind, key in keys:
        by_kind[kind].add(key)
    names: dict[Key, Named] = {}
    for kind, texts in by_kind.items():
        namer = _namers.get(kind)
        numbers = {int(text) for text in texts if text.isdecimal()}
        known = namer.find(project, numbers) if namer else {}
        words = namer.words if namer else kind
        for text in texts:
            gone = f"{words} {text}" if namer is None else f"{words}, deleted (number {text})"
            named = known.get(int(text)) if text.isdecimal() else None
            names[kind, text] = named or Named(gone)
    return names


def version_named(project: Project, kind: str, version: int) -> Named:
    """Names the row of this kind that has this version number, with a link where it exists."""
    namer = _namers.get(kind)
    key = namer.of_version(project, version) if namer and namer.of_version else None
    words = f"{namer.words if namer else kind} v{version}"
    return namer.find(project, [key]).get(key, Named(words)) if namer and key else Named(words)


def key_asked(project: Project, text: str) -> str:
    """Translates what somebody has typed into kind and key: “reward model v3” → “rewardmodel 12”.
    What names no row comes back in small letters without spaces."""
    words, _, last = text.strip().lower().rpartition(" ")
    number = last.removeprefix("#").removeprefix("v")
    if not words or not number.isdecimal() or len(number) > 18:
        return "".join(text.lower().split())
    kind = "".join(words.split())
    kind = next((name for name, namer in _namers.items() if namer.words == words), kind)
    namer = _namers.get(kind)
    if not last.startswith("v"):
        return f"{kind} {number}"
    key = namer.of_version(project, int(number)) if namer and namer.of_version else None
    return f"{kind} {key or 0}"


def _preferences(project: Project, keys: Collection[int]) -> dict[int, Named]:
    # No query: one change writes entries of up to ten thousand, and no preference is ever deleted.
    return {
        key: Named(f"preference {key}", reverse("preference", args=[project.slug, key]))
        for key in keys
    }


def _members(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Membership.objects.filter(project=project, pk__in=keys).select_related("user")
    return {
        row.pk: Named(row.user.username, reverse("member", args=[project.slug, row.pk]))
        for row in rows
    }


def _users(project: Project, keys: Collection[int]) -> dict[int, Named]:
    members = dict(project.memberships.filter(user__in=keys).values_list("user_id", "pk"))
    return {
        user.pk: Named(
            user.username,
            reverse("member", args=[project.slug, members[user.pk]]) if user.pk in members else "",
        )
        for user in User.objects.filter(pk__in=keys)
    }


def _golds(project: Project, keys: Collection[int]) -> dict[int, Named]:
    keys_there = Gold.objects.filter(project=project, pk__in=keys).values_list("pk", flat=True)
    return {pk: Named(f"gold {pk}", reverse("gold", args=[project.slug, pk])) for pk in keys_there}


def _guidelines(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = GuidelineVersion.objects.filter(project=project, pk__in=keys)
    url = reverse("guidelines-history", args=[project.slug])
    return {row.pk: Named(f"guidelines v{row.number}", url) for row in rows}


def _guideline_version(project: Project, number: int) -> int | None:
    rows = GuidelineVersion.objects.filter(project=project, number=number)
    return rows.values_list("pk", flat=True).first()


def _projects(project: Project, keys: Collection[int]) -> dict[int, Named]:
    url = reverse("project", args=[project.slug])
    return {project.pk: Named(project.name, url)} if project.pk in keys else {}


def _invitations(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Invitation.objects.filter(project=project, pk__in=keys)
    url = reverse("members", args=[project.slug])
    return {row.pk: Named(f"invitation {row.pk}", url) for row in rows}


def _comparisons(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Preference.objects.filter(project=project, comparison__in=keys).order_by("-pk")
    links = {
        comparison: reverse("preference", args=[project.slug, pk])
        for comparison, pk in rows.values_list("comparison_id", "pk")
    }
    return {key: Named(f"comparison {key}", links.get(key, "")) for key in keys}


def _webhooks(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Webhook.objects.filter(project=project, pk__in=keys, removed_at__isnull=True)
    return {
        pk: Named(f"webhook {pk}", reverse("webhook", args=[project.slug, pk]))
        for pk in rows.values_list("pk", flat=True)
    }


def _snapshots(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Snapshot.objects.filter(project=project, pk__in=keys)
    return {
        row.pk: Named(row.title, reverse("snapshot", args=[project.slug, row.pk])) for row in rows
    }


_OWN: dict[str, Namer] = {
    "preference": Namer("preference", _preferences),
    "membership": Namer("member", _members),
    "user": Namer("person", _users),
    "gold": Namer("gold", _golds),
    "guidelineversion": Namer("guidelines", _guidelines, _guideline_version),
    "project": Namer("project", _projects),
    "invitation": Namer("invitation", _invitations),
    "snapshot": Namer("snapshot", _snapshots),
    "comparison": Namer("comparison", _comparisons),
    "webhook": Namer("webhook", _webhooks),
}
for _kind, _namer in _OWN.items():
    add_namer(_kind, _namer)
