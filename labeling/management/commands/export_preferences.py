"""`manage.py export_preferences PROJECT`: settled preferences as a file, as the API has them."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from labeling.material.metadata_conditions import ConditionRefused, MetadataCondition
from labeling.models import Preference, Project
from labeling.models.material import Split
from labeling.preferences.beyond_text import CannotBeTexts
from labeling.preferences.exporting import (
    OVERLAP,
    ExportOptions,
    StyleRefused,
    preference_rows,
)
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.pairs import Row
from labeling.preferences.shapes.styles import STYLES, columns_of


class Command(BaseCommand):
    help = "Writes settled preferences as a file, in the shape that a trainer takes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="The project's slug.")
        parser.add_argument(
            "--output",
            type=Path,
            help="A file (stdout). Its end says the format, where --format does not.",
        )
        parser.add_argument("--format", choices=list(FORMATS), help="By the file's name, or jsonl.")
        parser.add_argument("--style", choices=list(STYLES), default="messages")
        parser.add_argument("--after", type=int, default=0, help="Only ids above this.")
        parser.add_argument(
            "--settled-since",
            default="",
            help="An ISO 8601 moment; the five minutes before it are written once more.",
        )
        parser.add_argument("--split", action="append", choices=Split.values, default=[])
        parser.add_argument(
            "--provenance", action="append", choices=Preference.Provenance.values, default=[]
        )
        parser.add_argument("--min-weight", type=_weight, default=0.0, help="From 0 to 1.")
        parser.add_argument(
            "--metadata", action="append", type=_condition, default=[], metavar="KEY=VALUE"
        )
        parser.add_argument("--include-ties", action="store_true")
        parser.add_argument("--include-both-bad", action="store_true")
        parser.add_argument("--include-excluded", action="store_true")
        parser.add_argument(
            "--with-names", action="store_true", help="Of --style judgments: no pseudonyms."
        )

    def handle(self, *_: Any, **given: Any) -> None:
        project = Project.objects.filter(slug=given["project"]).first()
        if project is None:
            raise CommandError(f"There is no project “{given['project']}”.")
        name = given["format"] or _format_of(given["output"])
        ids = _Ids()
        try:
            wanted = _options(given, is_plain=FORMATS[name].needs_plain)
            rows = ids.counted(preference_rows(project, wanted))
            with _output(given["output"]) as file:
                for chunk in FORMATS[name].write(rows, columns_of(STYLES[wanted.style])):
                    file.write(chunk)
        except (CannotBeTexts, StyleRefused) as problem:
            raise CommandError(str(problem)) from problem
        except OSError as fault:
            raise CommandError(f"The export cannot be written: {fault.strerror}.") from fault
        self.stderr.write(f"{ids.count:,} preferences of {project.slug} exported.")


class _Ids:
    """Counts preferences while their rows pass: a style may write two of one."""

    count = 0

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        last = 0
        for row in rows:
            self.count += row["id"] != last
            last = row["id"]
            yield row


def _format_of(path: Path | None) -> str:
    """The format that the file's name ends with. Another name is JSON lines, packed or not."""
    name = path.name if path else ""
    ends = [each for each in FORMATS if name.endswith(f".{each}")]
    return max(ends, key=len, default="jsonl.gz" if name.endswith(".gz") else "jsonl")


def _options(given: dict[str, Any], *, is_plain: bool) -> ExportOptions:
    return ExportOptions(
        after=given["after"],
        settled_since=_moment(given["settled_since"]),
        splits=frozenset(given["split"]),
        provenances=frozenset(given["provenance"]),
        min_weight=given["min_weight"],
        include_ties=given["include_ties"],
        include_both_bad=given["include_both_bad"],
        include_excluded=given["include_excluded"],
        style=given["style"],
        with_names=given["with_names"],
        is_plain=is_plain,
        metadata=tuple(given["metadata"]),
    )


def _condition(text: str) -> MetadataCondition:
    key, _, value = text.partition("=")
    try:
        return MetadataCondition(key.strip(), value.strip())
    except ConditionRefused as refused:
        raise ArgumentTypeError(str(refused)) from None


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    refusal = CommandError(f"--settled-since {text} is no moment such as 2026-01-31T12:00:00Z.")
    try:
        moment = parse_datetime(text)
        if moment is None:
            raise refusal
        aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
        since = aware.astimezone(UTC)
    except (ValueError, OverflowError) as problem:  # the 31st of February, the year 0
        raise refusal from problem
    try:
        return since - OVERLAP
    except OverflowError:
        return since  # nothing lies before the first moment that there is


def _weight(text: str) -> float:
    weight = float(text)
    if not 0 <= weight <= 1:
        raise ValueError(text)
    return weight


_weight.__name__ = "weight from 0 to 1"  # how argparse calls it in its refusal


@contextmanager
def _output(path: Path | None) -> Iterator[IO[bytes]]:
    """The file appears under its name when all of it is written."""
    if path is None:
        yield sys.stdout.buffer
        return
    if path.is_dir():
        raise CommandError(f"--output {path} is a folder: name a file in it.")
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
