"""The page for a file whose shape nobody knows: its columns, what each is, and how the first rows
would look. The mapping that comes of it goes the way of every import."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from labeling.importing import (
    ImportRefused,
    ImportReport,
    check_file,
    import_file,
    preview_rows,
)
from labeling.importing.files import Source
from labeling.importing.guessing import (
    guess_best_first,
    guess_higher_is_better,
    guess_labeler_per_verdict,
    guess_meanings,
    guess_roles,
)
from labeling.importing.jobs.asking import IN_BACKGROUND_BYTES, ask_worker
from labeling.importing.kept.uploads import KeptFiles, keep_upload, kept_upload
from labeling.importing.roles import (
    LEFT_OUT,
    MEANINGS,
    ROLES,
    mapping_of,
    meanings_of,
    roles_of,
)
from labeling.importing.sampling import LONGEST_VALUE, Sample, sample_of, shown_rows
from labeling.importing.sources.mapping import ColumnMapping, MappingRefused
from labeling.importing.sources.paths import word_of
from labeling.models import Project, Role
from labeling.pages.projects.import_forms import ConfirmForm, UploadForm
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.texts.limits import MAX_KEYS


@dataclass(frozen=True)
class Choices:
    """What a person chose: the role of each column, and the meaning of each value."""

    roles: dict[str, str]
    meanings: dict[str, str]
    higher_is_better: bool = True
    added: tuple[str, ...] = ()  # values that the person has written: no sampled row has them
    labeler_per_verdict: bool = False
    best_first: bool = False

    def mapping(self) -> ColumnMapping:
        return mapping_of(
            self.roles,
            self.meanings,
            higher_is_better=self.higher_is_better,
            labeler_per_verdict=self.labeler_per_verdict,
            best_first=self.best_first,
        )

    def words(self, sample: Sample) -> list[str]:
        """The values that the verdict columns have, and those that the person has added."""
        words = dict.fromkeys(
            word
            for path, role in self.roles.items()
            if role == "verdict"
            for word in sample.column(path).words
        )
        return list(words | dict.fromkeys(self.added))


def begin(request: SignedInRequest, project: Project, form: UploadForm) -> HttpResponse | None:
    """Keeps the upload and asks what its columns are; None where it holds no records."""
    sample = sample_of(form.source, form.name)
    if not sample.records:
        return None
    options = {
        "name": form.name,
        "token": keep_upload(form.chunks(), request.user.pk),
        "pairs": form.cleaned_data["pairs"],
        "tags": ",".join(form.cleaned_data["tags"]),
        "skip_bad": form.cleaned_data["skip_bad"],
    }
    return _page(request, project, sample, _guessed(sample), options)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def map_columns(request: SignedInRequest, slug: str) -> HttpResponse:
    """Shows the columns of an upload, checks it by the mapping, or hands the mapping out."""
    project = project_for(request.user, slug, Role.CURATOR)
    form = ConfirmForm(request.POST)
    upload = kept_upload(form.cleaned_data["token"], request.user.pk) if form.is_valid() else None
    if upload is None:
        if request.method == "POST":
            messages.warning(request, "That upload is gone: choose the file again.")
        if request.htmx:
            home = reverse("import", args=[project.slug])
            return HttpResponse(headers={"HX-Redirect": home})
        return redirect("import", project.slug)
    options = {name: form.cleaned_data[name] for name in ("token", "name", "pairs", "skip_bad")}
    options["tags"] = ",".join(form.cleaned_data["tags"])
    with upload.open() as file:
        sample = sample_of(file, options["name"])
        paths = [column.path for column in sample.columns]
        choices = _chosen(request.POST, form.cleaned_data["mapping"], paths) or _guessed(sample)
        action = request.POST.get("do")
        try:
            mapping = choices.mapping()
        except MappingRefused:
            status = 422 if action in ("check", "download") else 200
            return _page(request, project, sample, choices, options, status=status)
        if action == "download":
            return _download(mapping)
        if action != "check":
            return _page(request, project, sample, choices, options)
        if upload.size > IN_BACKGROUND_BYTES:
            return hand_over(request, project, upload, form, mapping)
        sources = {"name": options["name"], "skip_bad": options["skip_bad"], "mapping": mapping}
        try:
            checked = check_file(file, **sources)
        except ImportRefused as refused:
            return _page(request, project, sample, choices, options, status=422, refused=refused)
        context = {
            **options,
            "project": project,
            "checked": checked,
            "expected": rehearse(project, file, form, options["name"], mapping),
            "rows": preview_rows(file, **sources),
            "mapping": mapping.to_json(),
        }
        return render(request, "projects/importing/import.html", context)


def hand_over(
    request: SignedInRequest,
    project: Project,
    upload: KeptFiles,
    form: ConfirmForm | UploadForm,
    mapping: ColumnMapping | None = None,
) -> HttpResponse:
    """Lets a worker read a large upload, and shows how far it is."""
    job = ask_worker(project, request.user, upload, form.options(mapping))
    return redirect("import-detail", project.slug, job.pk)


def rehearse(
    project: Project,
    file: Source,
    form: ConfirmForm | UploadForm,
    name: str,
    mapping: ColumnMapping | None = None,
) -> ImportReport:
    """What a sound file would bring now."""
    options = replace(form.options(mapping), dry_run=True)
    return import_file(project, None, file, name=name, options=options)


def _guessed(sample: Sample) -> Choices:
    guessed = guess_roles(sample)
    roles = {column.path: guessed.get(column.path, "") for column in sample.columns}
    choices = Choices(roles, {})
    scores = [path for path, role in roles.items() if role.startswith("score")]
    return replace(
        choices,
        meanings=guess_meanings(choices.words(sample)),
        higher_is_better=guess_higher_is_better(scores),
        labeler_per_verdict=guess_labeler_per_verdict(sample, roles),
        best_first=guess_best_first(roles),
    )


def _chosen(post: QueryDict, mapping: ColumnMapping | None, paths: Sequence[str]) -> Choices | None:
    """The choices of the form, or those that a mapping holds; None where there are none yet."""
    roles = {
        path: post.get(f"role-{number}", "")
        for number in range(MAX_KEYS)
        if (path := post.get(f"column-{number}", ""))
    }
    if not roles:
        if mapping is None:
            return None
        meanings = meanings_of(mapping)
        others = dict.fromkeys(() if mapping.keep_others else paths, LEFT_OUT)
        return Choices(
            others | roles_of(mapping),
            meanings,
            mapping.higher_is_better,
            tuple(meanings),
            mapping.labeler_per_verdict,
            mapping.best_first,
        )
    meanings = {
        word_of(value[:LONGEST_VALUE]): post.get(f"meaning-{number}", "")
        for number in [*range(MAX_KEYS), "new"]
        if (value := post.get(f"value-{number}", "")).strip()
    }
    added = [word_of(value) for value in (*post.getlist("added"), post.get("value-new", ""))]
    added = [word for word in added if word in meanings]
    per_verdict = post.get("labeler_per_verdict") == "yes"
    higher_is_better = post.get("higher_is_better") != "no"
    best_first = post.get("best_first") == "yes"
    return Choices(roles, meanings, higher_is_better, tuple(added), per_verdict, best_first)


def _download(mapping: ColumnMapping) -> HttpResponse:
    answer = HttpResponse(mapping.to_json(), content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="mapping.json"'
    return answer


def _page(
    request: SignedInRequest,
    project: Project,
    sample: Sample,
    choices: Choices,
    options: dict[str, Any],
    *,
    status: int = 200,
    refused: ImportRefused | None = None,
) -> HttpResponse:
    fault, rows = "", []
    words = choices.words(sample)
    fresh = dict.fromkeys(words, "") | guess_meanings(words)
    meanings = fresh | choices.meanings
    choices = replace(choices, meanings={word: meanings[word] for word in words})
    try:
        rows = shown_rows(sample, choices.mapping())
    except MappingRefused as refusal:
        fault = str(refusal)
    paths = dict.fromkeys([column.path for column in sample.columns]) | dict.fromkeys(choices.roles)
    columns = [
        (sample.column(path), choices.roles.get(path, "")) for path in list(paths)[:MAX_KEYS]
    ]
    has_verdict = "verdict" in choices.roles.values()
    context = {
        **options,
        "project": project,
        "columns": columns,
        "groups": ROLES,
        "meanings": MEANINGS,
        "values": [(word, choices.meanings[word]) for word in words] if has_verdict else [],
        "has_verdict": has_verdict,
        "has_scores": any(role.startswith("score") for role in choices.roles.values()),
        "has_responses": "response_b" in choices.roles.values()
        or "response_list" in choices.roles.values(),
        "best_first": choices.best_first,
        "higher_is_better": choices.higher_is_better,
        "has_labeler": "labeler" in choices.roles.values(),
        "labeler_per_verdict": choices.labeler_per_verdict,
        "added": choices.added,
        "fault": fault,
        "rows": rows,
        "refused": refused,
    }
    template = "_mapped_rows" if request.htmx else "mapping"
    return render(request, f"projects/importing/{template}.html", context, status=status)
