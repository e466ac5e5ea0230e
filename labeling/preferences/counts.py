"""What is meant by “judgments” and by “fresh” comparisons: counted here, and nowhere else."""

from django.db.models import QuerySet

from labeling.models import Comparison, Judgment, Project
from labeling.models.material import FRESH

Kind = Judgment.Kind


def judgments_of_every_kind(project: Project) -> QuerySet[Judgment]:
    """All that labelers said of the project's comparisons and that stands: judgments, skips and
    flags. Answers to checks are left out."""
    work = Judgment.Purpose.WORK
    return Judgment.objects.filter(project=project, superseded_at__isnull=True, purpose=work)


def judgments(project: Project) -> QuerySet[Judgment]:
    """The judgments that stand and say something of the responses: no skips and no flags."""
    return judgments_of_every_kind(project).filter(kind__in=Judgment.ANSWERS)


def fresh(project: Project) -> QuerySet[Comparison]:
    """Open comparisons that nobody has been handed yet."""
    return Comparison.objects.filter(FRESH, project=project)
