"""Tools that find projects, preferences and comparisons, and read one whole."""

from dataclasses import fields
from typing import Any

from django.db.models import Count, Q
from mcp.server.mcpserver.exceptions import ToolError

from labeling.curation import decisions
from labeling.curation.finding import PreferenceFilter, matching, preference_page, window_for
from labeling.models import Comparison, Judgment, Preference, Project, Prompt, Response
from labeling.people.access import projects_of, role_in
from labeling.preferences.exporting import project_counts
from labeling.texts.pseudonyms import pseudonym
from labeling.webhooks.outbox import in_json, link
from modeling.mcp.acting import acting, checked_id, curated
from modeling.mcp.texts import CHUNK, excerpt, text_of_prompt, text_of_response, untrusted

PAGE = 50
FIELDS = [field.name for field in fields(PreferenceFilter)]


def list_projects(after: str = "") -> dict[str, Any]:
    """List the projects that you can open, by slug. Where `next_after` is not null there are more:
    give it as `after`."""
    rows = projects_of(acting().user).order_by("slug")
    page = list(rows.filter(slug__gt=after)[: PAGE + 1])
    shown = page[:PAGE]
    return {
        "total": rows.count(),
        "projects": [
            {"slug": one.slug, "name": one.name, "role": role_in(acting().user, one)}
            for one in shown
        ],
        "next_after": shown[-1].slug if len(page) > PAGE else None,
    }


def project_figures(project: str) -> dict[str, Any]:
    """Count what a project has: prompts, comparisons, judgments, preferences, flags."""
    row = curated(project)
    return {
        "slug": row.slug,
        "name": row.name,
        "question": row.question,
        "scale": row.scale,
        "overlap": row.overlap,
        "is_paused": row.is_paused,
        "counts": project_counts(row),
        "url": link("project", row.slug),
    }


def find_preferences(
    project: str,
    filter: dict[str, str] | None = None,
    before: int | None = None,
    search_from: int | None = None,
) -> dict[str, Any]:
    """Find settled preferences, newest first, 50 at a time.

    `filter` has the fields of the page Preferences: q (search in texts), state (in_use, excluded,
    redoing), kind, provenance, split, arm, source, labeler (user name), answer, judged_on,
    settled_on (dates), doubt (open: what the reward model contradicts), near. `total` is how many
    match; where `next_before` is not null there are more: give it as `before`. A search looks at
    the newest 20,000 rows; where `search_goes_on_from` is not null, give it as `search_from` to
    look further back.
    """
    row, wanted = curated(project), checked_filter(filter)
    start = None if search_from is None else checked_id(search_from, "search_from")
    window = window_for(row, wanted, start=start)
    rows = matching(row, wanted, window)
    last = None if before is None else checked_id(before, "before")
    page = preference_page(rows, before=last, by_doubt=bool(wanted.doubt))
    return {
        "total": rows.count(),
        "preferences": [_found(row, one) for one in page.rows],
        "next_before": page.older,
        "search_goes_on_from": window.low,
    }


def checked_filter(given: dict[str, str] | None) -> PreferenceFilter:
    """The filter. A field that there is not is refused: ignored, it would widen what is meant."""
    unknown = sorted((given or {}).keys() - set(FIELDS))
    if unknown:
        raise ToolError(f"filter: there is no field “{unknown[0]}”; known: {', '.join(FIELDS)}.")
    return PreferenceFilter.parse(given or {})


def _found(project: Project, row: Any) -> dict[str, Any]:
    return {
        **_facts(project, row),
        "prompt": excerpt(row.prompt_excerpt),
        "chosen": excerpt(row.chosen_excerpt),
        "rejected": excerpt(row.rejected_excerpt),
    }


def _facts(project: Project, row: Preference) -> dict[str, Any]:
    return {
        "id": row.pk,
        "comparison": row.comparison_id,
        "kind": row.kind,
        "strength": row.strength,
        "weight": row.weight,
        "provenance": row.provenance,
        "split": row.split,
        "settled_at": in_json(row.settled_at),
        "excluded": row.excluded,
        "excluded_reason": row.excluded_reason,
        "url": link("preference", project.slug, row.pk),
    }


def read_preference(project: str, preference: int) -> dict[str, Any]:
    """Read one preference: its texts, every judgment behind it, and what curators did to it.
    Labelers are called by pseudonyms."""
    row = curated(project)
    pk = checked_id(preference, "preference")
    rows = Preference.objects.filter(project=row).select_related("prompt", "chosen", "rejected")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise ToolError(f"There is no preference {pk} in this project.")
    return {
        **_facts(row, found),
        "prompt": {"id": found.prompt_id, **untrusted(text_of_prompt(found.prompt))},
        "chosen": _response(found.chosen),
        "rejected": _response(found.rejected),
        "judgments": [_judgment(row, one) for one in decisions.judgments_behind(found)],
        "history": [
            {"action": one.action, "at": in_json(one.created_at), "reason": one.reason}
            for one in decisions.history_of(found)
        ],
    }


def _response(response: Response) -> dict[str, Any]:
    return {
        "id": response.pk,
        "source": response.source,
        "policy_version": response.policy_version,
        **untrusted(text_of_response(response)),
    }


def _judgment(project: Project, row: Judgment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "labeler": pseudonym(project.pk, row.labeler_id),
        "kind": row.kind,
        "purpose": row.purpose,
        "tiers": row.tiers,
        "strength": row.strength,
        "flag": row.flag,
        "rationale": untrusted(row.rationale),
        "seconds": row.seconds,
        "stands": row.superseded_at is None,
        "at": in_json(row.created_at),
    }


def find_comparisons(
    project: str, state: str = "", flagged: bool = False, before: int | None = None
) -> dict[str, Any]:
    """Find comparisons, newest first, 50 at a time; with `state` (open, finished, withdrawn, check)
    or `flagged` only those. `total` is how many there are; where `next_before` is not null there
    are more: give it as `before`."""
    row = curated(project)
    if state and state not in Comparison.State.values:
        raise ToolError(f"state: choose one of {', '.join(Comparison.State.values)}.")
    rows = Comparison.objects.filter(project=row)
    if state:
        rows = rows.filter(state=state)
    if flagged:
        flags = Judgment.objects.filter(project=row, kind=Judgment.Kind.FLAG, superseded_at=None)
        rows = rows.filter(pk__in=flags.values("comparison"))
    total = rows.count()
    if before is not None:
        rows = rows.filter(pk__lt=checked_id(before, "before"))
    stands = Q(judgments__superseded_at__isnull=True)
    counted = rows.annotate(number=Count("judgments", filter=stands)).order_by("-pk")
    page = list(counted.select_related("prompt")[: PAGE + 1])
    shown = page[:PAGE]
    return {
        "total": total,
        "comparisons": [
            {
                "id": one.pk,
                "state": one.state,
                "judgments": one.number,
                "wanted": one.wanted,
                "prompt": excerpt(text_of_prompt(one.prompt)[:240]),
            }
            for one in shown
        ],
        "next_before": shown[-1].pk if len(page) > PAGE else None,
    }


def read_comparison(project: str, comparison: int) -> dict[str, Any]:
    """Read one comparison: prompt, responses, all judgments and the ids of its preferences."""
    row = curated(project)
    pk = checked_id(comparison, "comparison")
    found = Comparison.objects.filter(project=row, pk=pk).select_related("prompt").first()
    if found is None:
        raise ToolError(f"There is no comparison {pk} in this project.")
    judgments = Judgment.objects.filter(comparison=found).order_by("created_at", "id")
    return {
        "id": found.pk,
        "state": found.state,
        "wanted": found.wanted,
        "prompt": {"id": found.prompt_id, **untrusted(text_of_prompt(found.prompt))},
        "responses": [_response(one) for one in found.responses.order_by("pk")],
        "judgments": [_judgment(row, one) for one in judgments],
        "preferences": list(found.preferences.order_by("pk").values_list("pk", flat=True)),
    }


def read_text(project: str, kind: str, id: int, start: int = 0) -> dict[str, Any]:
    """Read on in a long text from the character `start`, 20,000 at a time. `kind` is prompt or
    response; `next_start` is null at the end."""
    row, pk = curated(project), checked_id(id, "id")
    if kind == "prompt":
        prompt = Prompt.objects.filter(project=row, pk=pk).first()
        text = text_of_prompt(prompt) if prompt else None
    elif kind == "response":
        response = Response.objects.filter(prompt__project=row, pk=pk).first()
        text = text_of_response(response) if response else None
    else:
        raise ToolError("kind: choose prompt or response.")
    if text is None:
        raise ToolError(f"There is no {kind} {pk} in this project.")
    begin = max(0, start)
    end = begin + CHUNK
    return {
        "untrusted": text[begin:end],
        "characters": len(text),
        "next_start": end if end < len(text) else None,
    }
