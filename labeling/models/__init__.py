"""Every table about people and data, by subject, with every rule as a named constraint."""

from labeling.models.material import Comparison, ComparisonResponse, Prompt, Response
from labeling.models.people import Invitation, Membership, Role, User
from labeling.models.projects import GuidelineVersion, Project, Scale
from labeling.models.records import AuditEntry, Snapshot
from labeling.models.results import Preference
from labeling.models.work import Assignment, Judgment

__all__ = [
    "Assignment",
    "AuditEntry",
    "Comparison",
    "ComparisonResponse",
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
