"""Who belongs to a project: adding people, their roles, pausing and removing them."""

from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from labeling.audit import write_entry
from labeling.models import Judgment, Membership, Project, Role, User


class MembersError(ValueError):
    """Something that the people of a project do not allow, as a sentence for the page."""

    def __init__(self, message: str, field: str = "") -> None:
        self.field = field
        super().__init__(message)


def members_of(project: Project) -> QuerySet[Membership]:
    """The members by role and name, with how much each has judged and when last."""
    answers = (
        Judgment.objects.filter(
            project=project,
            labeler=OuterRef("user"),
            superseded_at__isnull=True,
            kind__in=Judgment.ANSWERS,
        )
        .order_by()
        .values("labeler")
    )
    return (
        project.memberships.select_related("user")
        .annotate(
            judged=Subquery(answers.annotate(n=Count("pk")).values("n")),
            last_judged_at=Subquery(answers.annotate(at=Max("created_at")).values("at")),
        )
        .order_by("role", "user__username")
    )


def add_member(project: Project, actor: User, user: User, role: Role) -> Membership:
    with transaction.atomic():
        membership, created = Membership.objects.get_or_create(
            project=project, user=user, defaults={"role": role}
        )
        if not created:
            raise MembersError(f"{user} is a member already, as {membership.role}.", "who")
        write_entry(project, actor, "add member", membership, user=user.username, role=role)
    return membership


def find_user(who: str) -> User | None:
    """The user with this user name or e-mail address, if exactly one has it."""
    found = User.objects.filter(Q(username=who) | Q(email__iexact=who) & ~Q(email=""))[:2]
    return found[0] if len(found) == 1 else None


def invite(
    project: Project, actor: User, username: str, full_name: str, role: Role
) -> tuple[Membership, str]:
    """A new user as member, and the address under which they set their password once."""
    with transaction.atomic():
        if User.objects.filter(username__iexact=username).exists():
            raise MembersError(
                "Somebody has this user name already. Add them as an existing user instead, "
                "or choose another name.",
                "username",
            )
        first, _, last = full_name.partition(" ")
        user = User(username=username, first_name=first, last_name=last)
        user.set_unusable_password()
        user.save()
        membership = add_member(project, actor, user, role)
    return membership, password_path(user)


def password_path(user: User) -> str:
    """Works once and for a few days: the token depends on the password that it sets."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("set-password", args=[uid, default_token_generator.make_token(user)])


def new_invitation(actor: User, membership: Membership) -> str:
    """Another link for somebody who has not set a password yet.

    Never for anyone else: a project's admin must not be able to take over an account.
    """
    user = membership.user
    if user.has_usable_password():
        raise MembersError(f"{user} has set a password; only they can change it.")
    write_entry(membership.project, actor, "invite again", membership, user=user.username)
    return password_path(user)


def change_member(membership: Membership, actor: User, *, role: Role, is_paused: bool) -> bool:
    """Sets role and pause; False when both are so already."""
    if membership.excluded_at is not None and not is_paused:
        raise MembersError(
            f"The judgments of {membership.user} are out of training. Bring them back first."
        )
    with transaction.atomic():
        _keep_an_admin(membership, role)
        changes = {
            name: [getattr(membership, name), value]
            for name, value in {"role": str(role), "is_paused": is_paused}.items()
            if getattr(membership, name) != value
        }
        if not changes:
            return False
        membership.role, membership.is_paused = role, is_paused
        if "is_paused" in changes:
            # Whoever a check had paused starts anew: what was answered before is reviewed now.
            membership.paused_by_rule, membership.gold_since = "", timezone.now()
        membership.save(update_fields=["role", "is_paused", "paused_by_rule", "gold_since"])
        username = membership.user.username
        write_entry(
            membership.project, actor, "change member", membership, user=username, changes=changes
        )
    return True


def remove_member(membership: Membership, actor: User) -> None:
    """The person no longer sees the project. What they judged stays."""
    with transaction.atomic():
        _keep_an_admin(membership, None)
        username = membership.user.username
        write_entry(
            membership.project,
            actor,
            "remove member",
            membership,
            user=username,
            role=membership.role,
        )
        membership.delete()


def _keep_an_admin(membership: Membership, new_role: Role | None) -> None:
    """A project without admin could never be changed again by its people."""
    if membership.role != Role.ADMIN or new_role == Role.ADMIN:
        return
    # The project's row is the lock: two admins cannot step down past each other.
    Project.objects.select_for_update().get(pk=membership.project_id)
    admins = Membership.objects.filter(project=membership.project_id, role=Role.ADMIN)
    if not admins.exclude(pk=membership.pk).exists():
        raise MembersError(
            f"{membership.user} is the project's only admin. Make somebody else admin first."
        )
