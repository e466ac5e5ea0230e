"""Files made of a snapshot: its rows in the shape of a trainer, written once and never changed.

A shape for trainers holds the pairs that have a better response and that nobody has excluded, since
trainers take every row for such a pair. How many others there are is kept with the file.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from labeling.models import Preference, Snapshot, SnapshotFile
from labeling.preferences.beyond_text import CannotBeColumns, CannotBeTexts
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.pairs import SPEAKERS, ColumnType, Pair, Row
from labeling.preferences.shapes.parquet import DoesNotFit
from labeling.preferences.shapes.styles import (
    OF_PROMPT,
    OF_TEMPLATES,
    STYLES,
    Style,
    columns_of,
)
from labeling.preferences.snapshots import SnapshotDamaged
from labeling.snapshots import files
from labeling.snapshots.reading import judged_rows, pair_of, rows_path, votes_path

# The file itself, with all rows whatever their kind, and the one beside it.
WHOLE = "snapshot"
ROWS_NAME = f"{WHOLE}.jsonl"
VOTES_NAME = "judgments-of-rows.jsonl"


class NoSuchFile(LookupError):
    """The snapshot offers no file of this name; the message is a sentence for people."""


@dataclass(frozen=True)
class ReadyFile:
    """A file that lies there, to be sent."""

    path: Path
    name: str
    sha256: str
    content_type: str
    rows: int
    left_out: int = 0


def styles_of(snapshot: Snapshot) -> list[str]:
    """The shapes that the snapshot can be had in. None keeps the other responses of a comparison;
    a training kept neither who judged nor which prompts are one."""
    return [
        name
        for name, style in STYLES.items()
        if not style.is_of_comparisons
        and (snapshot.is_by_hand or not (style.needs_votes or style.is_of_prompts))
    ]


def names_of(snapshot: Snapshot) -> list[str]:
    """Every file that there is to ask for."""
    shapes = [*styles_of(snapshot), *([WHOLE] if snapshot.is_by_hand else [])]
    made = [f"{shape}.{ending}" for shape in shapes for ending in FORMATS]
    own = [ROWS_NAME, *([VOTES_NAME] if snapshot.is_by_hand else [])]
    return list(dict.fromkeys([*own, *made]))


def ready_file(snapshot: Snapshot, name: str) -> ReadyFile:
    """The file of this name; made now, if nobody has asked for it before. Raises NoSuchFile,
    CannotBeTexts where the shape has no place for what the rows hold, SnapshotDamaged."""
    if name not in names_of(snapshot):
        known = ", ".join(names_of(snapshot))
        raise NoSuchFile(f"The snapshot has no file “{name}”. There are: {known}.")
    shape, _, ending = name.partition(".")
    content_type = FORMATS[ending].content_type
    if name in (ROWS_NAME, VOTES_NAME):
        is_rows = name == ROWS_NAME
        path = rows_path(snapshot) if is_rows else votes_path(snapshot)
        if not path.is_file():
            raise SnapshotDamaged(f"The file {path.name} is gone: take a new snapshot.")
        sha256 = snapshot.sha256 if is_rows else snapshot.votes_sha256
        return ReadyFile(path, name, sha256, content_type, snapshot.count)
    made = snapshot.files.filter(name=name).first()
    if made is None or not files.path_of(made.sha256, ending).is_file():
        made = _make(snapshot, name, shape, ending)
    path = files.path_of(made.sha256, ending)
    return ReadyFile(path, name, made.sha256, content_type, made.rows, made.left_out)


def _make(snapshot: Snapshot, name: str, shape: str, ending: str) -> SnapshotFile:
    shaping = Shaping(snapshot, shape, is_plain=FORMATS[ending].needs_plain)
    with files.new_file() as written:
        try:
            for chunk in FORMATS[ending].write(shaping.rows(), shaping.columns):
                written.write(chunk)
        except DoesNotFit as fault:
            raise CannotBeColumns(BEYOND_COLUMNS) from fault
        with files.changing_files(), transaction.atomic():
            files.place(written, ending)
            made, _ = SnapshotFile.objects.update_or_create(
                of=snapshot,
                name=name,
                defaults={
                    "sha256": written.sha256,
                    "size": written.size,
                    "rows": shaping.count,
                    "left_out": shaping.left_out,
                },
            )
    return made


BEYOND_COLUMNS = (
    "Some of these preferences hold more than a role and a content (tool calls, reasoning, tools, "
    "names), and each column of a Parquet file has one type. Take them as JSON lines."
)


class Shaping:
    """The rows of a snapshot in one shape, counted while they are written. `keeps` says which rows
    are wanted, beside what the shape can say."""

    def __init__(
        self,
        snapshot: Snapshot,
        shape: str,
        *,
        is_plain: bool = False,
        keeps: Callable[[Row], bool] | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.shape = shape
        self.is_plain = is_plain
        self.style: Style = STYLES["messages" if shape == WHOLE else shape]
        self.keeps = keeps or (self._can_say if shape != WHOLE else lambda row: True)
        self.count = 0
        self.left_out = 0

    @property
    def columns(self) -> Mapping[str, ColumnType]:
        columns = columns_of(self.style)
        if self.snapshot.is_by_hand:
            return columns
        return {name: kind for name, kind in columns.items() if name in OF_TRAINING} | {
            name: kind for name, kind in columns.items() if name in self.style.columns
        }

    def rows(self) -> Iterator[Row]:
        seen: set[int] = set()
        for row, beside in judged_rows(self.snapshot):
            if not self.keeps(row) or (self.style.is_of_votes and not beside["judgments"]):
                self.left_out += 1
                continue
            if self.style.is_of_prompts:
                if beside["prompt"] in seen:
                    continue
                seen.add(beside["prompt"])
            if self.is_plain and any(name in row for name in OF_TEMPLATES):
                raise CannotBeColumns(BEYOND_COLUMNS)
            pair = pair_of(row, beside, self.snapshot.project.slug)
            if self.style.is_text and holds_more_than_text(row, pair):
                raise CannotBeTexts(
                    f"Preference {row['id']} holds more than texts (tool calls, reasoning, tools, "
                    f"names, or messages of a tool or developer), which {self.shape} would drop. "
                    "Take the file of messages."
                )
            for own in self.style.write(pair):
                self.count += 1
                yield {"id": row["id"], **own, **self._beside(row)}

    def _can_say(self, row: Row) -> bool:
        if self.style.is_of_votes or self.style.is_of_prompts:
            return not row["excluded"]
        return row["kind"] == Preference.Kind.PREFER and not row["excluded"]

    def _beside(self, row: Row) -> Row:
        """What is known beside what a trainer reads, and what the prompt brought for templates."""
        if self.style.is_of_prompts:
            names = (*OF_TEMPLATES, *OF_PROMPT)
            return {name: row[name] for name in names if name in row}
        known = self.columns if self.is_plain else row
        return {name: row[name] for name in known if name in row and name not in TRIPLE}


# A style writes these in its own way.
TRIPLE = ("id", "prompt", "chosen", "rejected")
OF_TRAINING = (
    "id", "kind", "target", "strength", "weight", "split", "provenance", "arm", "round", "excluded",
    "excluded_reason",
)  # fmt: skip


def holds_more_than_text(row: Row, pair: Pair) -> bool:
    return (
        any(name in row for name in OF_TEMPLATES)
        or bool(pair.chosen.extra or pair.rejected.extra)
        or any(
            message.keys() != {"role", "content"} or message["role"] not in SPEAKERS
            for message in pair.prompt
        )
    )
