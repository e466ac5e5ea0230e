"""Which preferences a snapshot holds: the filter of the preferences page, less what has no verdict.

What is being judged again is never in a snapshot; what curators have excluded is in it only when it
is asked for.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import QuerySet

from labeling.curation.facets import LABELS, TITLES, source_label
from labeling.curation.finding import FilterError, PreferenceFilter, Window, matching
from labeling.models import Preference, Project, User
from labeling.preferences.shapes.annotators import pseudonym

EXCLUDED = "include_excluded"
WORDS = {
    "q": "with the text",
    "answer": "with a judgment of this kind",
    "judged_on": "judged on",
    "settled_on": "settled on",
}


@dataclass(frozen=True)
class SnapshotFilter:
    """The filter of the page, and whether excluded preferences come along."""

    wanted: PreferenceFilter
    include_excluded: bool = False

    def __post_init__(self) -> None:
        if self.wanted.state == "redoing":
            raise FilterError(
                "state",
                "Preferences that are being judged again have no verdict, so no snapshot holds "
                "them: choose another state.",
            )

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, include_excluded: bool = False) -> "SnapshotFilter":
        return cls(PreferenceFilter.parse(data), include_excluded)

    @classmethod
    def read_stored(cls, stored: Mapping[str, Any]) -> "SnapshotFilter":
        return cls.parse(stored, include_excluded=bool(stored.get(EXCLUDED)))

    @property
    def as_stored(self) -> dict[str, Any]:
        """What is asked for, without what is empty."""
        given = {name: value for name, value in asdict(self.wanted).items() if value}
        return given | ({EXCLUDED: True} if self.include_excluded else {})

    def rows(self, project: Project, up_to: int | None = None) -> QuerySet[Preference]:
        """The preferences with ids up to this one. A search looks at all of them, not only at the
        newest as the page does."""
        rows = matching(project, self.wanted, Window(high=up_to)).filter(settled_at__isnull=False)
        if self.include_excluded or self.wanted.state == "excluded":
            return rows
        return rows.filter(excluded=False)


def in_words(stored: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The filter as names and values for people of the project."""
    return [(_name(field), _value(field, value)) for field, value in stored.items()]


def in_public_words(project: Project, stored: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The filter for the card, which strangers may read. A labeler has the name that the files
    give them, and the words of a search are left out: they may be of a person."""
    public: dict[str, Any] = {}
    for field, value in stored.items():
        if field == "labeler":
            known = User.objects.filter(username=value).values_list("pk", flat=True).first()
            public[field] = pseudonym(project.pk, known) if known else "one person"
        else:
            public[field] = "(not given here)" if field == "q" else value
    return in_words(public)


def _name(field: str) -> str:
    if field == EXCLUDED:
        return "excluded ones"
    return WORDS.get(field) or TITLES.get(field, field).lower()


def _value(field: str, value: Any) -> str:
    if field == EXCLUDED:
        return "included"
    if field == "source":
        return source_label(str(value))
    return LABELS.get(str(value), str(value).replace("_", " "))
