"""A project's imports: the list, and each by itself with how far it is, what it brought, what it
left out, and the way back."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.importing import ImportReport, staging
from labeling.importing.jobs.asking import TooLate, cancel_import, take_import
from labeling.importing.kept.import_folder import COLUMNS, KEPT_DAYS, skipped_rows
from labeling.importing.undoing.rules import foresee
from labeling.importing.undoing.taking_back import (
    CAN_BE_UNDONE,
    WORDS,
    CannotUndo,
    begin_undo,
    counts_of,
    go_on,
    share_of,
)
from labeling.models import Import, Project, Role
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.preferences.shapes.files import FORMATS
from labeling.texts.limits import BIGGEST_ID

State = Import.State
ON_A_PAGE = 50
PREVIEWED_ROWS = 5
# A small import is taken back before the page comes.
UNDO_SECONDS = 2.0


@login_required
@require_safe
def imports(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    rows = Import.objects.filter(project=project).select_related("actor").order_by("-pk")
    page = Paginator(rows, ON_A_PAGE).get_page(number_in(request.GET, "page") or 1)
    context = {"project": project, "imports": page.object_list, "page": page}
    return render(request, "projects/importing/imports.html", context)


@login_required
@require_safe
def import_detail(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project, job = _import(request, slug, pk)
    return render(request, "projects/importing/import_detail.html", _context(project, job))


@login_required
@require_safe
def import_live(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """The part of an import's page that changes while it is at work."""
    project, job = _import(request, slug, pk)
    return render(request, "projects/importing/_import-live.html", _context(project, job))


@login_required
@require_POST
def take(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    _, job = _import(request, slug, pk)
    try:
        take_import(job)
    except TooLate as fault:
        messages.warning(request, str(fault))
    return redirect("import-detail", slug, pk)


@login_required
@require_POST
def cancel(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    _, job = _import(request, slug, pk)
    try:
        cancel_import(job, f"{request.user} gave it up.")
    except TooLate as fault:
        messages.warning(request, str(fault))
    return redirect("import-detail", slug, pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Shows what an undo would take back, and does it where that was confirmed."""
    project, job = _import(request, slug, pk)
    if request.method == "POST":
        try:
            begin_undo(job, request.user, request.POST.get("reason", ""))
            go_on(job, seconds=UNDO_SECONDS)
        except CannotUndo as fault:
            messages.warning(request, str(fault))
        return redirect("import-detail", slug, pk)
    if job.state not in CAN_BE_UNDONE:
        return redirect("import-detail", slug, pk)
    counts = foresee(project, job)
    context = {"project": project, "job": job, "counts": _in_words(counts)}
    return render(request, "projects/importing/undo.html", context)


@login_required
@require_safe
def skipped(request: SignedInRequest, slug: str, pk: int, format: str) -> HttpResponseBase:
    """Hands out every row that the import left out, with what was wrong with it."""
    _, job = _import(request, slug, pk)
    rows = skipped_rows(job.pk)
    if rows is None or format not in ("csv", "jsonl"):
        raise Http404("There is no such list.")
    file = FORMATS[format]
    columns: Any = dict.fromkeys(COLUMNS, "text")
    answer = StreamingHttpResponse(_pieces(file.write(rows, columns)), file.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{slug}-skipped-{pk}.{format}"'
    return answer


def _pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines by the hundred: a line alone is a small write to the socket."""
    waiting: list[bytes] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) >= 100:
            yield b"".join(waiting)
            waiting = []
    yield b"".join(waiting)


def _import(request: SignedInRequest, slug: str, pk: int) -> tuple[Project, Import]:
    project = project_for(request.user, slug, Role.CURATOR)
    rows = Import.objects.filter(project=project).select_related("actor")
    job = rows.filter(pk=pk).first() if pk <= BIGGEST_ID else None
    if job is None:
        raise Http404("There is no such import.")
    job.project = project
    return project, job


def _context(project: Project, job: Import) -> dict[str, Any]:
    is_waiting = job.state == State.READY and not job.asked.get("take")
    report = ImportReport(**job.report) if job.report else None
    expected = None
    if is_waiting:
        counts = {name: value for name, value in job.expected.items() if name != "shapes"}
        expected = ImportReport(**counts)
    is_at_work = job.state in (State.STAGED, State.IN_FORCE, State.UNDOING) or (
        job.state == State.READY and not is_waiting
    )
    return {
        "project": project,
        "job": job,
        "report": report,
        "expected": expected,
        "rows": _first_rows(job) if is_waiting else [],
        "is_waiting": is_waiting,
        "is_at_work": is_at_work,
        "share": _share(job),
        "rows_added": report.rows if report else 0,
        "undone": _in_words(counts_of(job)),
        "has_list": skipped_rows(job.pk) is not None,
        "kept_days": KEPT_DAYS,
        "can_be_undone": job.state in CAN_BE_UNDONE,
        "can_be_cancelled": job.state in (State.STAGED, State.READY) and bool(job.asked),
    }


def _share(job: Import) -> float | None:
    """How much of the present part of the work is done; None where nobody knows."""
    if job.state == State.UNDOING:
        return share_of(job)
    if job.state == State.IN_FORCE or job.state == State.READY:
        of, at = job.progress.get("rows"), job.report.get("rows", 0)
    else:
        of, at = job.progress.get("of"), job.progress.get("at", 0)
    return min(1.0, at / of) if of else None


def _first_rows(job: Import) -> list[Any]:
    chunk = job.chunks.order_by("number").first()
    return staging.rows_of(chunk)[:PREVIEWED_ROWS] if chunk else []


def _in_words(counts: dict[str, int]) -> list[tuple[str, int]]:
    return [(words, counts[name]) for name, words in WORDS.items() if counts.get(name)]
