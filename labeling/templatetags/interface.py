"""What the frame of every page needs: projects to switch to, tabs by role, excerpts."""

from dataclasses import dataclass

from django import template
from django.db.models import OuterRef, Subquery, Value
from django.template.context import RequestContext
from django.template.defaultfilters import truncatechars
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.models import Membership, Project, Role
from labeling.people.access import RANK, can_create_projects, projects_of

register = template.Library()

LISTED_PROJECTS = 30


@dataclass(frozen=True)
class Tab:
    name: str
    label: str
    url_name: str
    at_least: Role


TABS = (
    Tab("loop", "Loop", "project", Role.LABELER),
    Tab("label", "Label", "label", Role.LABELER),
    Tab("my-work", "My work", "my-work", Role.LABELER),
    Tab("curation", "Curation", "curation", Role.CURATOR),
    Tab("quality", "Quality control", "quality-control", Role.CURATOR),
    Tab("preferences", "Preferences", "preferences", Role.CURATOR),
    Tab("rounds", "Rounds", "rounds", Role.CURATOR),
    Tab("runs", "Runs", "runs", Role.CURATOR),
    Tab("policies", "Policies", "policies", Role.CURATOR),
    Tab("import", "Import", "import", Role.CURATOR),
    Tab("people", "People", "members", Role.CURATOR),
    Tab("audit", "Audit log", "audit", Role.CURATOR),
    # Of two with one name the viewer gets the first that their role opens.
    Tab("settings", "Settings", "project-settings", Role.ADMIN),
    Tab("settings", "Settings", "project-loop-settings", Role.CURATOR),
)


def _url(name: str, *args: object) -> str | None:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return None


@register.filter
def excerpt(text: object, length: int) -> str:
    """Returns the beginning of a text that can be very long. `truncatechars` alone would put all of
    it into Unicode's composed form first, which can take minutes."""
    return truncatechars(str(text)[: 4 * length], length)


@register.simple_tag(takes_context=True)
def my_projects(context: RequestContext) -> list[Project]:
    """Returns the projects that the viewer can switch to, each with their role as `my_role`."""
    user = context["user"]
    mine = Membership.objects.filter(project=OuterRef("pk"), user=user)
    role = Value(Role.ADMIN) if user.is_superuser else Subquery(mine.values("role")[:1])
    projects = projects_of(user).only("slug", "name").annotate(my_role=role)
    return list(projects[:LISTED_PROJECTS])


@register.simple_tag
def project_url(project: Project, role: str = Role.LABELER) -> str:
    """Returns where a link to a project leads: to its loop, or for labelers straight to work."""
    loop = _url("project", project.slug) if role != Role.LABELER else None
    return loop or reverse("label", args=[project.slug])


@register.simple_tag(takes_context=True, name="can_create_projects")
def _can_create_projects(context: RequestContext) -> bool:
    return can_create_projects(context["user"])


# The pages of the settings; the learning side's is there when its app is.
SETTINGS_TABS = (
    Tab("project-settings", "People and answers", "project-settings", Role.ADMIN),
    Tab("project-loop-settings", "Models and the loop", "project-loop-settings", Role.CURATOR),
    Tab("webhooks", "Webhooks", "webhooks", Role.ADMIN),
)


def _may_open(tab: Tab, project: Project) -> bool:
    return RANK[Role(project.role_of_viewer or Role.LABELER)] >= RANK[tab.at_least]


@register.simple_tag
def settings_tabs(project: Project, here: str) -> SafeString:
    links = [
        (url, SafeString(' aria-current="page"') if tab.name == here else "", tab.label)
        for tab in SETTINGS_TABS
        if _may_open(tab, project) and (url := _url(tab.url_name, project.slug))
    ]
    items = format_html_join("", '<a href="{}"{}>{}</a>', links)
    return format_html('<nav class="settings-tabs" aria-label="Settings">{}</nav>', items)


@register.simple_block_tag
def tabs(content: str, project: Project) -> SafeString:
    """Shows the project's tabs for the viewer's role. The content names the one that is open."""
    active = content.strip()
    links: dict[str, tuple[str, SafeString | str, str]] = {}
    for tab in TABS:
        if _may_open(tab, project) and (url := _url(tab.url_name, project.slug)):
            current = SafeString(' aria-current="page"') if tab.name == active else ""
            links.setdefault(tab.name, (url, current, tab.label))
    items = format_html_join("", '<li><a href="{}"{}>{}</a></li>', links.values())
    return format_html('<nav class="tabs" aria-label="Project"><ul>{}</ul></nav>', items)
