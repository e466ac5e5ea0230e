"""Tools that say how a project is doing: agreement, labelers, the loop, runs, reward models, and
where its preferences can be downloaded."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from mcp.server.mcpserver.exceptions import ToolError

from labeling.models import User
from labeling.people.members import members_of
from labeling.preferences.shapes.styles import STYLES
from labeling.quality import votes as answers
from labeling.quality.agreement import agreement_of
from labeling.quality.labelers import measure_everybody
from labeling.quality.measures.intervals import Estimate, Refusal
from labeling.texts.pseudonyms import pseudonym
from labeling.texts.shown_paths import without_paths
from labeling.webhooks.outbox import in_json, link
from modeling.api.reward_models import model_row
from modeling.loop.overview import loop_summary
from modeling.mcp.acting import checked_id, curated
from modeling.models import RewardModel, Run

PAGE = 50
FILTERS = ("split", "provenance", "min_weight", "include_ties", "include_both_bad",
           "include_excluded")  # fmt: skip
FORMATS = ("jsonl", "json", "csv", "parquet", "jsonl.gz", "csv.gz")


def agreement(project: str) -> dict[str, Any]:
    """Say how far labelers agree, each figure with its 95 % interval; null where there are too few
    answers. It reads the newest judgments, `of_at_most`."""
    votes = answers.read_votes(curated(project))
    whole = agreement_of(votes)
    return {
        "judgments": len(votes),
        "of_at_most": answers.NEWEST,
        "people": whole.people,
        "percent_agreement": _figure(whole.percent),
        "krippendorff_alpha": _figure(whole.alpha),
        "fleiss_kappa": _figure(whole.fleiss),
        "cohen_kappa": _figure(whole.cohen),
    }


def labelers(project: str, with_names: bool = False) -> dict[str, Any]:
    """Measure every member: agreement with others, known answers, same answer again, sides, pace,
    weight. People are called by pseudonyms, and with `with_names` also by user names."""
    row = curated(project)
    everybody = measure_everybody(row)
    people = []
    for member in members_of(row):
        measures = everybody.measures_of(member.user_id)
        person: dict[str, Any] = {
            "labeler": pseudonym(row.pk, member.user_id),
            "role": member.role,
            "is_paused": member.is_paused,
            "out_of_training": member.excluded_at is not None,
            "weight": member.reliability,
            "judgments": measures.judgments,
            "agreement": _figure(measures.agreement),
            "known_answers": _figure(measures.gold),
            "same_again": _figure(measures.repeats),
            "left_side": _figure(measures.left),
            "longer_response": _figure(measures.longer),
            "median_seconds": _figure(measures.pace),
        }
        if with_names:
            user: User = member.user
            person["user_name"] = user.username
        people.append(person)
    return {"total": len(people), "labelers": people}


def _figure(measure: Estimate | Refusal | None) -> dict[str, Any] | None:
    if measure is None:
        return None
    if isinstance(measure, Refusal):
        return {"value": None, "why_not": measure.reason}
    return {"value": measure.value, "low": measure.low, "high": measure.high, "n": measure.count}


def loop_status(project: str) -> dict[str, Any]:
    """Say what the learning loop does now and next: round, policy, reward model with accuracy,
    what waits to be judged, active runs, and what needs a look."""
    row = curated(project)
    summary = loop_summary(row)
    return {
        "next": without_paths(summary.next_step.text),
        "round": _round(summary.round),
        "policy": str(summary.policy) if summary.policy else None,
        "reward_model": _model(summary.reward_model) if summary.reward_model else None,
        "queue": asdict(summary.queue),
        "preferences": summary.preferences,
        "new_preferences": summary.new_preferences,
        "judgments_today": summary.judgments_today,
        "active_runs": [_run(run) for run in summary.active_runs],
        "needs_a_look": [
            {"tone": one.tone, "text": without_paths(one.text), "run": one.run and one.run.pk}
            for one in summary.alarms
        ],
        "url": link("project", row.slug),
    }


def _round(round_: Any) -> dict[str, Any] | None:
    if round_ is None:
        return None
    return {
        "number": round_.number,
        "state": round_.state,
        "started_at": in_json(round_.started_at),
        "reason": without_paths(round_.reason),
    }


def runs(project: str, before: int | None = None) -> dict[str, Any]:
    """List runs, newest first, 50 at a time. `total` is how many there are; where `next_before` is
    not null there are more: give it as `before`."""
    rows = Run.objects.filter(project=curated(project)).order_by("-pk")
    total = rows.count()
    if before is not None:
        rows = rows.filter(pk__lt=checked_id(before, "before"))
    page = list(rows[: PAGE + 1])
    shown = page[:PAGE]
    return {
        "total": total,
        "runs": [_run(run) for run in shown],
        "next_before": shown[-1].pk if len(page) > PAGE else None,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.pk,
        "kind": run.kind,
        "state": run.state,
        "progress": run.progress,
        "error": without_paths(run.error.partition("\n")[0]),
        "created_at": in_json(run.created_at),
        "finished_at": in_json(run.finished_at),
        "url": link("run", run.pk),
    }


def reward_models(project: str, before_version: int | None = None) -> dict[str, Any]:
    """List reward models, newest first, 50 at a time, with their accuracy on what was held out and
    how often labelers agree there. Where `next_before_version` is not null there are more."""
    rows = RewardModel.objects.filter(project=curated(project)).order_by("-version")
    total = rows.count()
    if before_version is not None:
        number = checked_id(before_version, "before_version")
        rows = rows.filter(version__lt=min(number, 2**31 - 1))
    page = list(rows.select_related("snapshot", "run")[: PAGE + 1])
    shown = page[:PAGE]
    return {
        "total": total,
        "reward_models": [_model(one) for one in shown],
        "next_before_version": shown[-1].version if len(page) > PAGE else None,
    }


def _model(model: RewardModel) -> dict[str, Any]:
    return {
        **model_row(model),
        "created_at": in_json(model.created_at),
        "url": link("reward-model", model.pk),
    }


def export_link(
    project: str,
    format: str = "jsonl",
    style: str = "",
    filter: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Give the address at which all preferences can be downloaded, for a program that sends an API
    token. `format`: jsonl, json, csv, parquet, jsonl.gz or csv.gz; `style`: as a trainer takes them
    (such as trl-kto); `filter`: split, provenance, min_weight, include_ties, include_both_bad,
    include_excluded."""
    row = curated(project)
    if format not in FORMATS:
        raise ToolError(f"format: choose one of {', '.join(FORMATS)}.")
    if style and style not in STYLES:
        raise ToolError(f"style: choose one of {', '.join(sorted(STYLES))}.")
    unknown = sorted((filter or {}).keys() - set(FILTERS))
    if unknown:
        raise ToolError(f"filter: there is no field “{unknown[0]}”; known: {', '.join(FILTERS)}.")
    query = {"format": format, **({"style": style} if style else {}), **(filter or {})}
    address = f"{link('api-preferences', row.slug)}?{urlencode(query)}"
    return {"url": address, "header": "Authorization: Token YOUR_KEY"}
