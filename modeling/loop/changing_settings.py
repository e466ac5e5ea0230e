"""Changes the settings of a project's loop; every change leaves an audit entry."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import Project, Role, User
from labeling.people.access import RANK, role_in
from labeling.people.audit import write_entry
from labeling.projects.model_locations import check_model, written
from modeling.models import LoopSettings
from modeling.settings import SETTINGS
from modeling.settings.together import contradictions


class SettingsRefused(Exception):
    """Nothing was changed. `sentences` say why, by the setting."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self.sentences = dict(sentences)
        super().__init__(" ".join(self.sentences.values()))


def change_loop_settings(
    project: Project, actor: User, fields: Mapping[str, Any], *, by_operator: bool = False
) -> dict[str, Any]:
    """Writes the fields that differ. Gives what changed as {field: [before, after]}.

    Fields not named stay as they are, so two admins who change different settings do not undo
    each other. Raises PermissionDenied where the actor's role is too low for a setting that would
    change, and SettingsRefused where settings would contradict each other. `by_operator`: a command
    on the machine changes them, and neither is asked.
    """
    changes = _write_settings(project, actor, fields, by_operator)
    for name, (_, value) in changes.items():
        setattr(project.loop_settings, name, value)
    return changes


def changeable_by(role: Role) -> set[str]:
    """The settings that members of this role may change."""
    return {name for name, setting in SETTINGS.items() if RANK[role] >= RANK[Role(setting.who)]}


def usable_base_model(location: str, project: Project) -> str:
    """The location as it is to be stored; raises NotUsable. An empty one names the policy."""
    if not location:
        return ""
    check_model(location, project)
    return written(location, project)


@retried
def _write_settings(
    project: Project, actor: User, fields: Mapping[str, Any], by_operator: bool
) -> dict[str, Any]:
    current = LoopSettings.objects.select_for_update(no_key=True).get(project=project)
    changes = {
        name: [getattr(current, name), value]
        for name, value in fields.items()
        if getattr(current, name) != value
    }
    if not changes:
        return {}
    for name, (_, value) in changes.items():
        setattr(current, name, value)
    if not by_operator:
        _check_role(project, actor, changes)
        # Under the lock: two changes that are sound by themselves may contradict each other.
        if sentences := contradictions({name: getattr(current, name) for name in SETTINGS}):
            raise SettingsRefused(sentences)
    current.save(update_fields=list(changes))
    write_entry(project, actor, "change settings", project, changes=changes)
    transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return changes


def _check_role(project: Project, actor: User, names: Iterable[str]) -> None:
    role = role_in(actor, project)
    allowed = changeable_by(role) if role else set()
    refused = [SETTINGS[name] for name in names if name not in allowed]
    if refused:
        labels = ", ".join(f"“{setting.label}”" for setting in refused)
        raise PermissionDenied(f"Only {refused[0].who.in_words} of the project change {labels}.")
