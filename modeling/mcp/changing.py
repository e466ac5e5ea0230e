"""Tools that change something: each says first what would change, and does it when it is called
again with the confirmation that it gave."""

from collections.abc import Sequence
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError

from labeling.curation import decisions, doubts
from labeling.curation.decisions import BULK_LIMIT, EXCLUDE, RESTORE, Change
from labeling.curation.finding import matching, window_for
from labeling.curation.flags import withdraw_comparison as withdraw
from labeling.curation.prioritising import prioritise
from labeling.curation.prompt_tags import change_tags
from labeling.importing.lines.message_fields import tag_in
from labeling.importing.reports import Wrong
from labeling.material.excerpts import with_excerpts
from labeling.models import Comparison, Preference, Project, Prompt
from labeling.texts.limits import MAX_TAGS
from modeling.mcp.acting import acting, checked_id, curated
from modeling.mcp.confirming import asked_to_confirm, check
from modeling.mcp.finding import checked_filter
from modeling.mcp.texts import excerpt

EXAMPLES = 5
MOST_PRIORITY = 1e300


def exclude_preferences(
    project: str,
    reason: str,
    ids: list[int] | None = None,
    filter: dict[str, str] | None = None,
    confirmation: str = "",
) -> dict[str, Any]:
    """Keep preferences out of training and exports, with a reason: those with these `ids`, or all
    that match `filter` (as in find_preferences). Call it first without `confirmation`: it says how
    many would change, and changes nothing. At most 10,000 at once; more are refused."""
    return _exclude_or_restore(EXCLUDE, project, reason, ids, filter, confirmation)


def restore_preferences(
    project: str,
    reason: str = "",
    ids: list[int] | None = None,
    filter: dict[str, str] | None = None,
    confirmation: str = "",
) -> dict[str, Any]:
    """Put excluded preferences back into training and exports: those with these `ids`, or all that
    match `filter`. Call it first without `confirmation`: it says how many would change, and changes
    nothing. At most 10,000 at once; more are refused."""
    return _exclude_or_restore(RESTORE, project, reason, ids, filter, confirmation)


def _exclude_or_restore(
    action: str,
    slug: str,
    reason: str,
    ids: list[int] | None,
    given: dict[str, str] | None,
    confirmation: str,
) -> dict[str, Any]:
    project = curated(slug)
    if action == EXCLUDE:
        reason = decisions.checked_reason(reason)
    rows = _named(project, ids, given)
    change = {
        "tool": action,
        "project": project.pk,
        "reason": reason,
        "rows": rows,
    }
    to_change = [pk for pk, excluded in rows if excluded == (action == RESTORE)]
    if not confirmation:
        return asked_to_confirm(
            change,
            would_change=len(to_change),
            already_so=len(rows) - len(to_change),
            reason=reason,
            examples=_examples(to_change),
        )
    check(confirmation, change)
    act = decisions.exclude if action == EXCLUDE else decisions.restore
    done = act(project, acting().user, [pk for pk, _ in rows], reason)
    return _done(done)


def _named(
    project: Project, ids: list[int] | None, given: dict[str, str] | None
) -> list[tuple[int, bool]]:
    """The rows that are meant, each with whether it is excluded now. Raises ToolError where it is
    not said which."""
    if bool(ids) == bool(given):
        raise ToolError("Give either `ids` or a `filter` with at least one field.")
    if ids:
        wanted = {checked_id(pk, "ids") for pk in ids}
        if len(wanted) > BULK_LIMIT:
            raise ToolError(f"At most {BULK_LIMIT:,} can be changed at once. Nothing was changed.")
        rows = Preference.objects.filter(project=project, pk__in=wanted)
        named = list(rows.order_by("pk").values_list("pk", "excluded"))
        missing = sorted(wanted - {pk for pk, _ in named})
        if missing:
            raise ToolError(
                f"{len(missing)} of these are not in this project, such as {missing[0]}. Nothing "
                "was changed."
            )
        return named
    wanted_filter = checked_filter(given)
    if wanted_filter.is_empty:
        raise ToolError("Give either `ids` or a `filter` with at least one field.")
    window = window_for(project, wanted_filter)
    if window.low is not None:
        raise ToolError(
            "The search has not looked at all rows: there are more than 20,000. Narrow the filter "
            "by another field, or give ids."
        )
    found = matching(project, wanted_filter, window).order_by("pk")
    named = list(found.values_list("pk", "excluded")[: BULK_LIMIT + 1])
    if len(named) > BULK_LIMIT:
        raise ToolError(
            f"{found.count():,} match, and at most {BULK_LIMIT:,} can be changed at once. Narrow "
            "the filter. Nothing was changed."
        )
    return named


def _examples(ids: Sequence[int]) -> list[dict[str, Any]]:
    rows: Any = with_excerpts(Preference.objects.filter(pk__in=ids[:EXAMPLES])).order_by("pk")
    return [{"id": row.pk, "kind": row.kind, "prompt": excerpt(row.prompt_excerpt)} for row in rows]


def _done(change: Change) -> dict[str, Any]:
    return {
        "changed": bool(change.changed),
        "action": change.action,
        "count": len(change.changed),
        "already_so": change.untouched,
        "undo": change.undo_token,
    }


def undo_change(project: str, undo: str, confirmation: str = "") -> dict[str, Any]:
    """Take back an exclude or restore of yours, by the `undo` that it gave, on all rows that nobody
    has changed since. Call it first without `confirmation`."""
    row = curated(project)
    change = {"tool": "undo", "project": row.pk, "undo": undo}
    if not confirmation:
        return asked_to_confirm(change, would_undo=undo)
    check(confirmation, change)
    return _done(decisions.undo(row, acting().user, undo))


def withdraw_comparison(project: str, comparison: int, confirmation: str = "") -> dict[str, Any]:
    """Take an open comparison, flagged for instance, out of the queue: nobody is asked about it any
    more. Call it first without `confirmation`."""
    row, pk = curated(project), checked_id(comparison, "comparison")
    found = Comparison.objects.filter(project=row, pk=pk).first()
    if found is None:
        raise ToolError(f"There is no comparison {pk} in this project.")
    change = {"tool": "withdraw", "project": row.pk, "comparison": pk, "state": found.state}
    if found.state != Comparison.State.OPEN:
        raise ToolError(f"The comparison is {found.state} and cannot be withdrawn.")
    if not confirmation:
        return asked_to_confirm(change, would_withdraw=pk)
    check(confirmation, change)
    return {"changed": withdraw(row, acting().user, pk), "action": "withdraw", "comparison": pk}


def confirm_preference(project: str, preference: int, confirmation: str = "") -> dict[str, Any]:
    """Say that a preference stands although the reward model contradicts it; it is not asked about
    again while it says the same. Call it first without `confirmation`."""
    row, pk = curated(project), checked_id(preference, "preference")
    found = Preference.objects.filter(project=row, pk=pk).select_related("project").first()
    doubt = doubts.doubt_of(found) if found else None
    if found is None or doubt is None or doubt.confirmed_at is not None:
        raise ToolError(f"There is no open doubt about a preference {pk} in this project.")
    change = {"tool": "confirm", "project": row.pk, "preference": pk, "chosen": found.chosen_id}
    if not confirmation:
        return asked_to_confirm(change, would_confirm=pk, doubted_with=doubt.strength)
    check(confirmation, change)
    return {
        "changed": doubts.confirm(found, acting().user),
        "action": "confirm",
        "preference": pk,
    }


def set_priority(
    project: str, comparisons: list[int], priority: float, confirmation: str = ""
) -> dict[str, Any]:
    """Say how soon comparisons are handed out that nobody has begun: a higher priority goes first.
    While a reward model is in service, the project's way to choose pairs writes priorities anew.
    At most 10,000 at once. Call it first without `confirmation`."""
    row = curated(project)
    ids = sorted({checked_id(pk, "comparisons") for pk in comparisons})
    if not ids or len(ids) > BULK_LIMIT:
        raise ToolError(f"Give 1 to {BULK_LIMIT:,} comparisons. Nothing was changed.")
    if not abs(priority) <= MOST_PRIORITY:
        raise ToolError("priority: give a number that is not so large.")
    rows = Comparison.objects.filter(project=row, pk__in=ids).order_by("pk")
    before = list(rows.values_list("pk", "priority"))
    missing = sorted(set(ids) - {pk for pk, _ in before})
    if missing:
        raise ToolError(
            f"{len(missing)} of these are not in this project, such as {missing[0]}. Nothing was "
            "changed."
        )
    change = {"tool": "priority", "project": row.pk, "priority": priority, "rows": before}
    if not confirmation:
        different = sum(value != priority for _, value in before)
        return asked_to_confirm(
            change, would_change=different, already_so=len(before) - different, priority=priority
        )
    check(confirmation, change)
    count = prioritise(row, acting().user, dict.fromkeys(ids, priority))
    return {"changed": bool(count), "action": "change priority", "count": count}


def tag_prompt(
    project: str, prompt: int, tags: list[str], confirmation: str = ""
) -> dict[str, Any]:
    """Give a prompt these tags in place of those it has. Call it first without `confirmation`."""
    row, pk = curated(project), checked_id(prompt, "prompt")
    found = Prompt.objects.filter(project=row, pk=pk).select_related("project").first()
    if found is None:
        raise ToolError(f"There is no prompt {pk} in this project.")
    if len(tags) > MAX_TAGS:
        raise ToolError(f"tags: at most {MAX_TAGS} are kept, and these are {len(tags):,}.")
    try:
        words = [tag_in(tag, f"tags[{place}]") for place, tag in enumerate(tags)]
    except Wrong as fault:
        raise ToolError(f"{fault.field}: {fault.problem}") from fault
    wanted = list(dict.fromkeys(word for word in words if word))
    change = {"tool": "tag", "project": row.pk, "prompt": pk, "tags": [found.tags, wanted]}
    if not confirmation:
        return asked_to_confirm(change, tags_now=found.tags, tags_then=wanted)
    check(confirmation, change)
    changed = change_tags(found, acting().user, wanted)
    return {"changed": changed, "action": "change tags", "prompt": pk, "tags": wanted}
