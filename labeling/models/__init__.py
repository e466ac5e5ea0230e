"""Every table about people and data, by subject, with every rule as a named constraint."""

from labeling.models.checks import Gold
from labeling.models.learning import Adapter, Aggregate, Pooling, Rankings, RewardMethod, Ties
from labeling.models.material import Comparison, ComparisonResponse, Prompt, Response
from labeling.models.people import Invitation, Membership, Role, User
from labeling.models.projects import AskReason, GuidelineVersion, Project, Scale
from labeling.models.records import AuditEntry, Snapshot
from labeling.models.results import Doubt, Preference
from labeling.models.selection import Selection
from labeling.models.work import Assignment, FlagCategory, Judgment

__all__ = [
    "Adapter",
    "Aggregate",
    "AskReason",
    "Assignment",
    "AuditEntry",
    "Comparison",
    "ComparisonResponse",
    "Doubt",
    "FlagCategory",
    "Gold",
    "GuidelineVersion",
    "Invitation",
    "Judgment",
    "Membership",
    "Pooling",
    "Preference",
    "Project",
    "Prompt",
    "Rankings",
    "Response",
    "RewardMethod",
    "Role",
    "Scale",
    "Selection",
    "Snapshot",
    "Ties",
    "User",
]
