"""Every table about people and data, by subject, with every rule as a named constraint."""

from labeling.models.changes import ChangeCounter
from labeling.models.checks import Gold
from labeling.models.comments import Comment
from labeling.models.exports import Export
from labeling.models.imports import Import, ImportChunk, ImportedAgain, OverlapChange
from labeling.models.keyed_requests import KeyedRequest
from labeling.models.material import Comparison, ComparisonResponse, Prompt, Response
from labeling.models.people import FormerMember, Invitation, Membership, Role, User
from labeling.models.projects import AskReason, GuidelineVersion, Project, Scale
from labeling.models.records import AuditEntry
from labeling.models.results import Doubt, Preference
from labeling.models.snapshots import Snapshot, SnapshotFile, SnapshotPush, SnapshotTaking
from labeling.models.tokens import ApiToken, Scope
from labeling.models.webhooks import Delivery, EventType, Webhook
from labeling.models.work import Assignment, FlagCategory, Judgment

__all__ = [
    "ApiToken",
    "AskReason",
    "Assignment",
    "AuditEntry",
    "ChangeCounter",
    "Comment",
    "Comparison",
    "ComparisonResponse",
    "Delivery",
    "Doubt",
    "EventType",
    "Export",
    "FlagCategory",
    "FormerMember",
    "Gold",
    "GuidelineVersion",
    "Import",
    "ImportChunk",
    "ImportedAgain",
    "Invitation",
    "Judgment",
    "KeyedRequest",
    "Membership",
    "OverlapChange",
    "Preference",
    "Project",
    "Prompt",
    "Response",
    "Role",
    "Scale",
    "Scope",
    "Snapshot",
    "SnapshotFile",
    "SnapshotPush",
    "SnapshotTaking",
    "User",
    "Webhook",
]
