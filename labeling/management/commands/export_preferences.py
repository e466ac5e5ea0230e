"""`manage.py export_preferences PROJECT`: settled preferences as JSONL, as the API streams them."""

import gzip
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from labeling.models import Preference, Project
from labeling.models.material import Split
from labeling.preferences.beyond_text import CannotBeTexts
from labeling.preferences.exporting import (
    OVERLAP,
    STYLES,
    ExportOptions,
    StyleRefused,
    json_lines,
    preference_rows,
)


class Command(BaseCommand):
    help = "Writes settled preferences as JSONL, ready for datasets and TRL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="The project's slug.")
        parser.add_argument("--output", type=Path, help="A .jsonl or .jsonl.gz file (stdout).")
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
        parser.add_argument("--include-ties", action="store_true")
        parser.add_argument("--include-both-bad", action="store_true")
        parser.add_argument("--include-excluded", action="store_true")

    def handle(self, *_: Any, **given: Any) -> None:
        project = Project.objects.filter(slug=given["project"]).first()
        if project is None:
            raise CommandError(f"There is no project “{given['project']}”.")
        count = 0
        try:
            wanted = _options(given)
            with _output(given["output"]) as file:
                for line in json_lines(preference_rows(project, wanted)):
                    file.write(line)
                    count += 1
        except (CannotBeTexts, StyleRefused) as problem:
            raise CommandError(str(problem)) from problem
        except OSError as fault:
            raise CommandError(f"The export cannot be written: {fault.strerror}.") from fault
        self.stderr.write(f"{count:,} preferences of {project.slug} exported.")


def _options(given: dict[str, Any]) -> ExportOptions:
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
    )


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
def _output(path: Path | None) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The file appears under its name when all of it is written."""
    if path is None:
        yield sys.stdout.buffer
        return
    if path.is_dir():
        raise CommandError(f"--output {path} is a folder: name a file in it.")
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(path.stem, "wb", fileobj=file) as packed:
                    yield packed
            else:
                yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
