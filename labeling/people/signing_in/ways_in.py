"""What to open in a browser for a page of a project, as the command line says it."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from config.up import web_port
from labeling.models import Project, Role
from labeling.people.signing_in import demo


def way_in(project: Project, path: str) -> str:
    """A sentence with the page's full address; in the demo, the door that leads there."""
    if settings.SITE_URL:
        return f"Open {settings.SITE_URL}{path}"
    host, port = web_port.noted(settings.DATA_DIR)
    site = web_port.address(host, port).rstrip("/")
    in_demo = demo.is_on() and _is_the_demos(project)
    if not web_port.answers(host, port):
        then = "enter as admin and open" if in_demo else "open"
        return f"Start Preferable with “make run”, then {then} {site}{path}"
    if in_demo:
        door = reverse("demo", args=[demo.secret()])
        return (
            f"Open {site}{door}?{urlencode({'next': path}, safe='/')}\nand choose “Enter as admin”."
        )
    return f"Open {site}{path}"


def _is_the_demos(project: Project) -> bool:
    admin = demo.USERS[Role.ADMIN.value]
    return project.memberships.filter(user__username=admin, role=Role.ADMIN).exists()
