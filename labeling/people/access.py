"""Who may open what: every page and endpoint of a project asks here, by the role it is for.

Three things that a role allows are decided beside what they are about: which settings of the loop
it may change (modeling/loop/changing_settings.py, as each setting declares), to which roles it may
invite (labeling/people/invitations.py), and that a project keeps an admin
(labeling/people/members.py).
"""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from labeling.models import Membership, Project, Role, User

RANK = {Role.LABELER: 0, Role.CURATOR: 1, Role.ADMIN: 2}


def may_work(user: User, membership: Membership | None) -> bool:
    """Whether this person is handed comparisons and may answer them, as far as people decide: a
    member whose work is not paused, or a superuser. `membership` is theirs in the project."""
    return user.is_superuser or (membership is not None and not membership.is_paused)


def can_create_projects(user: User) -> bool:
    """Whether the person may make projects: superusers, and all who are trusted with the settings
    of one."""
    return user.is_superuser or user.memberships.filter(role=Role.ADMIN).exists()


def projects_of(user: User) -> QuerySet[Project]:
    """The projects that this person can open; superusers see all."""
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(memberships__user=user)


def role_in(user: User, project: Project) -> Role | None:
    """The person's role in the project, or None for an outsider."""
    if user.is_superuser:
        return Role.ADMIN
    membership = Membership.objects.filter(project=project, user=user).only("role").first()
    return Role(membership.role) if membership else None


def project_for(user: User, slug: str, at_least: Role = Role.LABELER) -> Project:
    """The project, with the viewer's role on it as `role_of_viewer`.

    Outsiders get a 404, so that they cannot learn which projects exist; members whose role is
    too low get a 403 that says which role is needed.
    """
    project = Project.objects.select_related("guidelines").filter(slug=slug).first()
    role = role_in(user, project) if project else None
    if project is None or role is None:
        raise Http404("There is no such project, or you are not a member of it.")
    require(role, at_least)
    project.role_of_viewer = role
    return project


def require(role: Role, at_least: Role) -> None:
    if RANK[role] < RANK[at_least]:
        raise PermissionDenied(f"This page is for {at_least}s of the project; you are a {role}.")
