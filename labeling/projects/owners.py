"""Whose a project becomes that the command line makes: one of nobody's is on no page."""

from django.db import IntegrityError, transaction

from labeling.models import Membership, Project, Role, User
from labeling.people.audit import write_entry
from labeling.people.signing_in import demo
from labeling.projects.editing import create_project_at

NAMED = 10


class NoOwner(Exception):
    """Says in words why nobody can be made the owner, and what to do."""


def choose(name: str | None) -> User:
    """The account of this name; without a name the only superuser, or the demo's admin while the
    demo is on."""
    if name:
        return _named(name)
    superusers = list(User.objects.filter(is_superuser=True, is_active=True)[:NAMED])
    if len(superusers) == 1:
        return superusers[0]
    demo_admin = User.objects.filter(username=demo.USERS[Role.ADMIN.value], is_active=True).first()
    if not superusers and demo_admin and demo.is_on():
        return demo_admin
    if superusers:
        names = ", ".join(user.username for user in superusers)
        raise NoOwner(f"Say whose the project becomes: --owner NAME (superusers are {names}).")
    raise NoOwner(f"A project needs an owner, or no browser shows it. {_how_to_name_one()}")


def create_for(owner: User, slug: str) -> tuple[Project, bool]:
    """Makes the project under this address, its owner's alone. Returns it with True; with False, if
    there is one meanwhile."""
    try:
        project = create_project_at(owner, slug, {"name": slug})
    except IntegrityError:
        return Project.objects.get(slug=slug), False
    if owner.username == demo.USERS[Role.ADMIN.value]:
        _let_the_demo_in(project)
    return project, True


def take_back(project: Project, owner: User | None) -> None:
    """Deletes a project that was just made, unless others use it meanwhile."""
    others = project.memberships.exclude(user=owner).exclude(user__username__in=demo.USERS.values())
    if not others.exists():
        Project.objects.filter(pk=project.pk, prompts__isnull=True, imports__isnull=True).delete()


def belongs_to_nobody(project: Project) -> bool:
    return not project.memberships.filter(role=Role.ADMIN).exists()


def check_can_have(owner: User, project: Project) -> None:
    """Raises NoOwner where others decide about the project."""
    admins = list(project.memberships.filter(role=Role.ADMIN).select_related("user")[:NAMED])
    if admins and owner.pk not in [place.user_id for place in admins]:
        names = ", ".join(place.user.username for place in admins)
        raise NoOwner(
            f"“{project.slug}” belongs to {names} already: --owner is for a new project. "
            f"Its page People lets {owner.username} in."
        )


def give(project: Project, owner: User) -> None:
    """Makes the person the admin of a project that has none."""
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        check_can_have(owner, project)
        if not belongs_to_nobody(project):
            return
        Membership.objects.update_or_create(
            project=project, user=owner, defaults={"role": Role.ADMIN}
        )
        write_entry(project, owner, "become the owner", project)
    if owner.username == demo.USERS[Role.ADMIN.value]:
        _let_the_demo_in(project)


def _named(name: str) -> User:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        if User.objects.filter(username=name).exists():
            raise NoOwner(f"The account “{name}” is switched off. {_how_to_name_one()}")
        raise NoOwner(f"There is no account “{name}”. {_how_to_name_one()}")
    if name in demo.USERS.values() and not demo.is_on():
        raise NoOwner(f"Nobody enters as “{name}” while the demo is off. {_how_to_name_one()}")
    return user


def _how_to_name_one() -> str:
    """Names accounts that can be given, or how the first one is made."""
    people = User.objects.filter(is_active=True).exclude(demo.NO_PASSWORD).order_by("username")
    names = ", ".join(people.values_list("username", flat=True)[:NAMED])
    if names:
        return f"Name one with --owner NAME (accounts are {names})."
    return (
        "Make an account with “python manage.py createsuperuser”, then run this again: "
        "the project becomes that account's."
    )


def _let_the_demo_in(project: Project) -> None:
    """Makes the demo's other people members: its door offers all of them, and none is to find
    nothing behind it."""
    for role in (Role.CURATOR, Role.LABELER):
        user = User.objects.filter(username=demo.USERS[role.value]).first()
        if user:
            Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
