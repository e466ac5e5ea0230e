"""The export page: every shape and file, what would come of it, and the code that loads it.

The file itself comes from the API's own address, which takes the session of a browser: there is one
way out, with one set of parameters.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from labeling.curation.exports import OF_PAGE, Outlook, foresee, narrowing
from labeling.curation.finding import FilterError, PreferenceFilter
from labeling.models import Export, Project, Role
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import project_for
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.loading import FILE_TITLES, GROUPS, SHAPES, file_stem
from labeling.preferences.shapes.styles import STYLES

EARLIER = 10
FLAGS = ("include_ties", "include_both_bad", "include_excluded", "with_names")
FLAG_WORDS = {
    "include_ties": "Ties",
    "include_both_bad": "Pairs where both are bad",
    "include_excluded": "What curators have excluded",
    "with_names": "Labelers under their own names, no pseudonyms",
}


@login_required
@require_safe
def export_page(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    try:
        context = _context(request, project)
    except FilterError as problem:
        context = {"project": project, "error": problem}
    name = "_outcome" if wants_fragment(request) else "export"
    status = 422 if "error" in context else 200
    response = render(request, f"curation/export/{name}.html", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _context(request: SignedInRequest, project: Project) -> dict[str, Any]:
    data = request.GET
    wanted = PreferenceFilter.parse(data)
    style = _one_of(data, "style", list(STYLES), "messages")
    format = _one_of(data, "format", list(FORMATS), STYLES[style].file)
    flags = {name: name in data for name in FLAGS}
    outlook = _outlook(project, wanted, style, format, flags)
    query = _query(wanted, style, format, flags)
    address = request.build_absolute_uri(reverse("api-preferences", args=[project.slug]))
    file_name = f"{file_stem(project.slug, style)}.{format}"
    return {
        "project": project,
        "wanted": wanted,
        "groups": GROUPS,
        "files": FILE_TITLES,
        "style": style,
        "shape": SHAPES[style],
        "format": format,
        "flags": [(name, FLAG_WORDS[name], flags[name]) for name in FLAGS],
        "outlook": outlook,
        "download": f"{reverse('api-preferences', args=[project.slug])}?{query}",
        "wants_file": SHAPES[style].loads_itself and FILE_TITLES[STYLES[style].file],
        "has_its_file": format == STYLES[style].file,
        "code": SHAPES[style].loading(file_name, format),
        "curl": f'curl --fail -H "Authorization: Token $TOKEN" -o {file_name} \\\n'
        f'  "{address}?{query}"',
        "earlier": Export.objects.filter(project=project)
        .select_related("actor")
        .order_by("-id")[:EARLIER],
        "preferences_query": wanted.querystring(),
    }


def _one_of(data: QueryDict, name: str, known: list[str], default: str) -> str:
    value = str(data.get(name) or default)
    if value not in known:
        raise FilterError(name, f"There is no {name} “{value:.60}”; choose {', '.join(known)}.")
    return value


def _outlook(
    project: Project, wanted: PreferenceFilter, style: str, format: str, flags: dict[str, bool]
) -> Outlook:
    asked = {name: getattr(wanted, name) for name in OF_PAGE}
    options = {
        **narrowing(project, asked),
        **flags,
        "include_excluded": flags["include_excluded"] or wanted.state == "excluded",
        "kind": wanted.kind,
        "splits": frozenset({wanted.split} - {""}),
        "provenances": frozenset({wanted.provenance} - {""}),
        "style": style,
        "is_plain": FORMATS[format].needs_plain,
    }
    return foresee(project, wanted, options)


def _query(wanted: PreferenceFilter, style: str, format: str, flags: dict[str, bool]) -> str:
    """The parameters of the API that mean the same."""
    chosen = {name: "true" for name, is_on in flags.items() if is_on}
    if wanted.state == "excluded":
        chosen["include_excluded"] = "true"
    return urlencode({"format": format, "style": style, **dict(wanted.fields), **chosen})
