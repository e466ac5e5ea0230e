"""Comments on a comparison: who reads and writes them, whom they mention, which are settled."""

import re
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.models import Comment, Comparison, Judgment, Membership, Project, Role, User
from labeling.models.comments import MAX_COMMENT
from labeling.models.folding import fold
from labeling.people.access import RANK, role_in
from labeling.people.audit import write_entry

PAGE = 30
# Of one comparison: beyond this a program writes, not people. A labeler alone does not fill it.
MOST_OF_COMPARISON = 200
MOST_OF_LABELER = 20
# A user name after an @ that does not stand within a word, as in an e-mail address.
MENTION = re.compile(r"(?<![\w.@+-])@([\w.@+-]{1,150})")


class CannotComment(Exception):
    """The comment was not written; the message says why, and `field` what it is about."""

    def __init__(self, message: str, field: str = "text") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class CommentPage:
    """Some comments, and the id to go on from (None: these are the last)."""

    comments: list[Comment]
    following: int | None


def is_curator(user: User, project: Project) -> bool:
    role = role_in(user, project)
    return role is not None and RANK[role] >= RANK[Role.CURATOR]


def readable(project: Project, user: User) -> QuerySet[Comment]:
    """The comments of the project that this person reads, with authors, newest first."""
    comments = Comment.objects.filter(project=project).select_related("author", "resolved_by")
    comments = comments.order_by("-id")
    if is_curator(user, project):
        return comments
    answered = _answers(user).filter(comparison=OuterRef("comparison"))
    return comments.filter(Q(author=user) | Q(to_labelers=True) & Exists(answered))


def about(comparison: Comparison, user: User) -> list[Comment]:
    """What this person reads about the comparison, in the order in which it was said."""
    comments = readable(comparison.project, user).filter(comparison=comparison)
    return list(comments.order_by("id"))


def comment_page(
    project: Project,
    user: User,
    *,
    resolved: bool = False,
    mentioned: bool = False,
    before: int | None = None,
) -> CommentPage:
    comments = readable(project, user).filter(resolved_at__isnull=not resolved)
    comments = comments.select_related("author", "resolved_by", "comparison__prompt")
    if mentioned:
        comments = comments.filter(mentions=user)
    if before is not None:
        comments = comments.filter(pk__lt=before)
    rows = list(comments[: PAGE + 1])
    following = rows[PAGE - 1].pk if len(rows) > PAGE else None
    return CommentPage(rows[:PAGE], following)


def add_comment(
    project: Project, author: User, comparison_id: int, text: str, *, to_labelers: bool = False
) -> Comment:
    """Writes a comment. Raises CannotComment; a comparison that this person may not comment on
    looks like one that is not there."""
    text = text.strip()
    if not text:
        raise CannotComment("Write what you have to say: the comment is empty.")
    if "\0" in text:
        raise CannotComment("Holds a NUL character, which no database takes: leave it out.")
    if len(text) > MAX_COMMENT:
        raise CannotComment(f"Say it in {MAX_COMMENT:,} characters: these are {len(text):,}.")
    comparison = Comparison.objects.filter(pk=comparison_id, project=project).first()
    by_curator = is_curator(author, project)
    if comparison is None or not (by_curator or _has_answered(author, comparison_id)):
        raise CannotComment(f"There is no comparison {comparison_id} to comment on.", "comparison")
    written = Comment.objects.filter(comparison=comparison)
    if written.count() >= MOST_OF_COMPARISON:
        raise CannotComment(f"This comparison has {MOST_OF_COMPARISON} comments: no more fit.")
    if not by_curator and written.filter(author=author).count() >= MOST_OF_LABELER:
        raise CannotComment(f"You have written {MOST_OF_LABELER} comments on it: no more fit.")
    with transaction.atomic():
        comment = Comment.objects.create(
            project=project,
            comparison=comparison,
            author=author,
            text=text,
            to_labelers=to_labelers and by_curator,
        )
        comment.mentions.set(_mentioned(project, text, by_curator=by_curator))
    return comment


def resolve(project: Project, actor: User, comment_id: int, *, resolved: bool = True) -> bool:
    """Marks a comment as settled, or as open again. False: it was so already, or is not there."""
    with transaction.atomic():
        comment = (
            Comment.objects.select_for_update(of=("self",))
            .filter(pk=comment_id, project=project, resolved_at__isnull=resolved)
            .first()
        )
        if comment is None:
            return False
        comment.resolved_at = timezone.now() if resolved else None
        comment.resolved_by = actor if resolved else None
        comment.save(update_fields=["resolved_at", "resolved_by"])
        write_entry(project, actor, "resolve" if resolved else "reopen", comment)
    return True


def _mentioned(project: Project, text: str, *, by_curator: bool) -> list[User]:
    """Members whose names stand in the text. A full stop after a name ends a sentence. Of what a
    labeler writes only curators are told: no labeler learns who the others are."""
    names = {name for match in MENTION.findall(text) for name in (match, match.rstrip(".@+-"))}
    keys = {fold(name) for name in names if name}
    members = Membership.objects.filter(project=project, user__username_key__in=keys)
    if not by_curator:
        members = members.exclude(role=Role.LABELER)
    return [member.user for member in members.select_related("user")]


def _answers(user: User) -> QuerySet[Judgment]:
    return Judgment.objects.filter(labeler=user, superseded_at__isnull=True)


def _has_answered(user: User, comparison_id: int) -> bool:
    return _answers(user).filter(comparison=comparison_id).exists()
