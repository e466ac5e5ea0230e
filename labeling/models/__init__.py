"""Every table about people and data, by subject, with every rule as a named constraint."""

from labeling.models.checks import Gold
from labeling.models.material import Comparison, ComparisonResponse, Prompt, Response
from labeling.models.people import Invitation, Membership, Role, User
from labeling.models.projects import AskReason, GuidelineVersion, Project, Scale
from labeling.models.records import AuditEntry, Snapshot
from labeling.models.results import Preference
from labeling.models.work import Assignment, FlagCategory, Judgment

__all__ = [
    "AskReason",
    "Assignment",
    "AuditEntry",
    "Comparison",
    "ComparisonResponse",
    "FlagCategory",
    "Gold",
    "GuidelineVersion",
    "Invitation",
    "Judgment",
    "Membership",
    "Preference",
    "Project",
    "Prompt",
    "Response",
    "Role",
    "Scale",
    "Snapshot",
    "User",
]
