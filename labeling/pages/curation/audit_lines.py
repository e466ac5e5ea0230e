"""Puts entries of the audit log into words: each row by its name, each field as old → new.

Nothing is cut for good: what is long is folded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models

from labeling.models import AuditEntry, Membership, Project
from labeling.pages.naming import Key, Named, field_words, names_of, version_named
from labeling.projects.settings_texts import LABELS
from labeling.texts.shown_paths import without_paths

# What only an undo needs, and what `_line` says in other words.
NOT_LISTED = ("batch", "of", "changes", "before", "after", "role_before", "skipped_lines")
FIELDS_OF: dict[str, type[models.Model]] = {
    "project": Project,
    "membership": Membership,
    "user": Membership,  # what a check changes of a person is their membership
}
LONG = 80  # characters; what is longer is folded


@dataclass(frozen=True)
class Value:
    text: str
    url: str = ""

    @property
    def is_long(self) -> bool:
        return len(self.text) > LONG

    @property
    def beginning(self) -> str:
        return f"{self.text[:LONG].rstrip()}…"


@dataclass(frozen=True)
class Detail:
    """One thing that an entry says. `before` holds the earlier value of a field that changed."""

    name: str
    value: Value
    before: Value | None = None


@dataclass(frozen=True)
class AuditLine:
    entry: AuditEntry
    target: Named
    details: list[Detail]


def lines_of(project: Project, entries: Sequence[AuditEntry]) -> list[AuditLine]:
    names = names_of(project, _keys(entries))
    return [_line(project, entry, names) for entry in entries]


def _keys(entries: Iterable[AuditEntry]) -> Iterable[Key]:
    for entry in entries:
        yield entry.target_type, entry.target_id
        if entry.details.get("was_by"):
            yield "user", str(entry.details["was_by"])


def _line(project: Project, entry: AuditEntry, names: Mapping[Key, Named]) -> AuditLine:
    facts = entry.details
    details = [_change(entry, name, both) for name, both in (facts.get("changes") or {}).items()]
    if "after" in facts:
        details.append(_change(entry, "value", [facts.get("before"), facts["after"]]))
    if facts.get("role_before"):
        details.append(_change(entry, "role", [facts["role_before"], facts.get("role")]))
    skipped = {*NOT_LISTED, "role"} if facts.get("role_before") else {*NOT_LISTED}
    for name, value in facts.items():
        if name in skipped or value in ("", None):
            continue
        details.append(Detail(_words(name), _fact_in_words(project, entry, name, value, names)))
    if (facts.get("of") or 0) > 1:
        details.append(Detail("one of", Value(f"{facts['of']:,} at once")))
    return AuditLine(entry, names[entry.target_type, entry.target_id], details)


def _fact_in_words(
    project: Project, entry: AuditEntry, name: str, value: Any, names: Mapping[Key, Named]
) -> Value:
    if name == "instead_of" and isinstance(value, int):
        named = version_named(project, entry.target_type, value)
        return Value(named.text, named.url)
    if name == "was_by":
        named = names["user", str(value)]
        return Value(named.text, named.url)
    return Value(in_words(value))


def _change(entry: AuditEntry, name: str, both: Any) -> Detail:
    label = LABELS.get(name) if entry.target_type == "project" else None
    if of_another_app := field_words(entry.target_type, name):
        label = of_another_app.label
    before, after = both if isinstance(both, list) and len(both) == 2 else (None, both)
    return Detail(
        str(label or _words(name)),
        Value(_choice(entry, name, after)),
        Value(_choice(entry, name, before)),
    )


def _choice(entry: AuditEntry, name: str, value: Any) -> str:
    """Returns the label of a value that is a choice of its field, and any other value in words."""
    of_another_app = field_words(entry.target_type, name)
    if of_another_app is not None:
        return of_another_app.choices.get(value) or in_words(value)
    model = FIELDS_OF.get(entry.target_type)
    if model is not None and isinstance(value, str | int):
        try:
            known = dict(getattr(model._meta.get_field(name), "flatchoices", ()))
        except FieldDoesNotExist:
            known = {}
        if value in known:
            return str(known[value])
    return in_words(value)


def in_words(value: Any) -> str:
    """Says all of a value that came from JSON, of whatever kind it is."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = [f"{_words(str(name))}: {in_words(one)}" for name, one in value.items()]
        return "; ".join(parts) or "nothing"
    if isinstance(value, list):
        return ", ".join(in_words(one) for one in value) or "nothing"
    if isinstance(value, float):
        return f"{value:.10g}"
    return without_paths(str(value))


def _words(name: str) -> str:
    return name.replace("_", " ")
