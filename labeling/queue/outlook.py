"""What a labeler can expect of a project now: something to compare, or why not and what would
change that. Every page that says so asks here: the labeling page, its hint, a project's home, the
list of projects.

Nothing here tells what a run is for: that would tell which comparisons to look out for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.models import Assignment, Comparison, Gold, Membership, Project, User
from labeling.models.people import PausedBy
from labeling.people.access import may_work
from labeling.queue.handout import must_qualify
from labeling.queue.prospects import Coming, Prospect, prospect_of

State = Assignment.State


class Expect(StrEnum):
    READY = "ready"
    PAUSED = "paused"
    MEMBER_PAUSED = "member_paused"
    QUALIFICATION = "qualification"
    WRITING = "writing"
    LEARNING = "learning"
    ORDERING = "ordering"
    SOON = "soon"
    OTHERS = "waiting_for_others"
    STUCK = "stuck"
    EMPTY = "empty"
    DONE = "all_done"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class OutlookTexts:
    """A title for the labeling page, the reason, and what happens next. `short` is for a list."""

    title: str
    text: str
    next: str
    short: str


BY_ITSELF = "They appear here by themselves."
WORDS: Mapping[Expect, OutlookTexts] = {
    Expect.READY: OutlookTexts(
        "There is something to compare",
        "Comparisons wait to be judged.",
        "This page asks for the next one.",
        "Ready",
    ),
    Expect.PAUSED: OutlookTexts(
        "Paused",
        "The project is paused. Your work is saved.",
        "This page continues by itself when an admin resumes the project.",
        "Paused for now",
    ),
    Expect.MEMBER_PAUSED: OutlookTexts(
        "Your work is paused here",
        "A curator has paused your work in this project.",
        "Ask a curator of the project if you do not know why. What you judged is kept.",
        "Paused for now",
    ),
    Expect.QUALIFICATION: OutlookTexts(
        "First round: nothing left",
        "You have judged all there is of the first round.",
        "A curator has to add comparisons for the first round; they appear here by themselves.",
        "First round: nothing left",
    ),
    Expect.WRITING: OutlookTexts(
        "New comparisons are on their way",
        "New responses are being written.",
        BY_ITSELF,
        "New ones are being written",
    ),
    Expect.LEARNING: OutlookTexts(
        "New comparisons come later",
        "First, what people answered so far is being learnt from.",
        f"New comparisons are made after that. {BY_ITSELF}",
        "New ones come later",
    ),
    Expect.ORDERING: OutlookTexts(
        "New comparisons come later",
        "First, the queue is being put in order.",
        f"New comparisons are made after that. {BY_ITSELF}",
        "New ones come later",
    ),
    Expect.SOON: OutlookTexts(
        "New comparisons come soon",
        "The next ones are about to be made.",
        BY_ITSELF,
        "New ones come soon",
    ),
    Expect.OTHERS: OutlookTexts(
        "Nothing for you right now",
        "You have seen everything here; the rest waits for other people.",
        "If one comes back, or new ones are added, it appears here by itself.",
        "Waits for other people",
    ),
    Expect.STUCK: OutlookTexts(
        "No new comparisons for now",
        "The last attempt to make new ones brought none. The project's admins see why.",
        "When that is mended, new ones appear here by themselves.",
        "No new ones for now",
    ),
    Expect.EMPTY: OutlookTexts(
        "Nothing here yet",
        "There is nothing to compare yet.",
        "When somebody adds comparisons, they appear here by themselves.",
        "Nothing yet",
    ),
    Expect.DONE: OutlookTexts(
        "All done",
        "Everything is judged, and no new comparisons are on their way.",
        "If somebody adds some, they appear here by themselves.",
        "All done",
    ),
    Expect.TROUBLE: OutlookTexts(
        "Your next comparison cannot be shown",
        "What you answered is saved.",
        "This page tries again.",
        "Tries again",
    ),
}
EXPECTED: Mapping[Coming, Expect] = {
    Coming.WRITING: Expect.WRITING,
    Coming.LEARNING: Expect.LEARNING,
    Coming.ORDERING: Expect.ORDERING,
    Coming.SOON: Expect.SOON,
}


UNKNOWN = Prospect()


@dataclass(frozen=True)
class Outlook:
    """What a person can expect; `prospect` says how far new comparisons are."""

    expect: Expect
    prospect: Prospect = UNKNOWN

    @property
    def words(self) -> OutlookTexts:
        return WORDS[self.expect]

    @property
    def is_ready(self) -> bool:
        return self.expect == Expect.READY

    @property
    def may_change(self) -> bool:
        """Whether what is under way can bring something. Then a page asks again by itself."""
        stopped = (Expect.PAUSED, Expect.MEMBER_PAUSED, Expect.QUALIFICATION)
        return self.expect not in stopped


def outlook_for(user: User, project: Project, *, has_claimed_nothing: bool = False) -> Outlook:
    """What this person can expect now. `has_claimed_nothing`: they have just asked for a comparison
    and got none, whatever the rows say."""
    if project.is_paused:
        return Outlook(Expect.PAUSED)
    membership = Membership.objects.filter(project=project, user=user).first()
    if not may_work(user, membership):
        return Outlook(Expect.MEMBER_PAUSED)
    in_first_round = must_qualify(project, membership)
    if not has_claimed_nothing and has_something(user, project, only_gold=in_first_round):
        return Outlook(Expect.READY)
    if in_first_round:
        return Outlook(Expect.QUALIFICATION)
    prospect = prospect_of(project)
    if prospect.coming in EXPECTED:
        return Outlook(EXPECTED[prospect.coming], prospect)
    comparisons = Comparison.objects.filter(project=project).exclude(state=Comparison.State.CHECK)
    if _others_have_some(project):
        return Outlook(Expect.OTHERS, prospect)
    if prospect.coming == Coming.STUCK:
        return Outlook(Expect.STUCK, prospect)
    return Outlook(Expect.DONE if comparisons.exists() else Expect.EMPTY, prospect)


def has_something(user: User, project: Project, *, only_gold: bool = False) -> bool:
    """Whether this person holds a comparison, or would be handed one, as far as rows tell."""
    if not only_gold:
        return claimable(user).filter(project=project).exists()
    golds = Gold.objects.filter(
        project=project,
        released_at__isnull=False,
        retired_at__isnull=True,
        comparison__set_aside_at__isnull=True,
    )
    mine = Assignment.objects.filter(labeler=user, comparison=OuterRef("comparison"))
    return golds.filter(~Exists(mine.exclude(GIVEN_BACK))).exists()


def claimable(user: User) -> QuerySet[Comparison]:
    """Comparisons that this person holds, or has not had and could be handed."""
    mine = Assignment.objects.filter(labeler=user, comparison=OuterRef("pk"))
    held = mine.filter(state=State.LEASED, expires_at__gt=timezone.now())
    had = mine.exclude(GIVEN_BACK)
    return Comparison.objects.filter(Exists(held) | Q(~Exists(had), slots_left__gt=0))


GIVEN_BACK = Q(state__in=(State.EXPIRED, State.RELEASED))


def _others_have_some(project: Project) -> bool:
    """Whether comparisons wait for others, or are held by them."""
    if Comparison.objects.filter(project=project, slots_left__gt=0).exists():
        return True
    # A check that somebody holds never comes back to anybody else.
    work = Assignment.objects.filter(project=project, purpose=Assignment.Purpose.WORK)
    return work.filter(state=State.LEASED).exists()


@dataclass(frozen=True)
class NothingToCompare:
    """Why there is no comparison for a labeler at present."""

    reason: str
    text: str


def why_nothing(user: User, project: Project) -> NothingToCompare:
    """Says to a labeler who has nothing to compare why, and what will change that."""
    outlook = outlook_for(user, project, has_claimed_nothing=True)
    text = outlook.words.text
    if outlook.expect == Expect.MEMBER_PAUSED:
        membership = Membership.objects.filter(project=project, user=user).first()
        text = why_paused(membership)
    return NothingToCompare(outlook.expect.value, text)


def why_paused(membership: Membership | None) -> str:
    """What a paused member reads: which rule or person stopped them, and what happens next."""
    by_rule = membership.paused_by_rule if membership else PausedBy.NOBODY
    note = f" A curator wrote: {membership.note}" if membership and membership.note else ""
    if by_rule == PausedBy.GOLD:
        return (
            "Several of your last answers differ from ones that are known. A curator will look "
            f"at them with you; everything you did is kept.{note}"
        )
    if by_rule == PausedBy.QUALIFICATION:
        return f"The first round was not passed. A curator will decide how to go on.{note}"
    return f"A curator has paused your work in this project.{note}"
