"""`manage.py import_data PROJECT FILE`: takes a file or a folder of data into a project."""

import sys
from argparse import ArgumentParser
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.text import slugify

from labeling.importing import (
    ImportInterrupted,
    ImportOptions,
    ImportRefused,
    ImportReport,
    ImportUnfinished,
    import_file,
)
from labeling.importing.files import Folder
from labeling.importing.sources.mapping import LONGEST_JSON, ColumnMapping, MappingRefused
from labeling.models import Project, User
from labeling.people.signing_in.ways_in import way_in
from labeling.projects import owners
from labeling.texts.limits import ON_THE_SERVER

FILE = """\
JSON lines, a JSON array or document, CSV, Parquet or Arrow; plain or packed with gzip, bzip2, xz,
Zstandard or LZ4; a .zip or .tar of these; or a folder, as `datasets` saves it or as it lies on a
hub."""
NEXT_STEPS = """\
Comparisons wait for your answers there. On its page Settings choose the model that reward models
start from, and after how many answers the first is trained; “Retrain now” does not wait."""


def _opened(path: Path) -> AbstractContextManager[IO[bytes] | Folder]:
    return nullcontext(Folder(path)) if path.is_dir() else path.open("rb")


def _mapping_in(path: Path | None) -> ColumnMapping | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return ColumnMapping.from_json(file.read(LONGEST_JSON + 1))
    except OSError as fault:
        raise CommandError(f"{path} cannot be read: {fault.strerror}.") from fault
    except MappingRefused as fault:
        raise CommandError(f"{path}: {fault} Nothing was imported.") from fault


class Command(BaseCommand):
    help = (
        "Imports prompts, prompts with responses, or (prompt, chosen, rejected) triples. "
        "A file with errors is not imported at all; the errors are listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="The project's slug.")
        parser.add_argument("file", type=Path, help=FILE)
        parser.add_argument(
            "--create", action="store_true", help="Make the project if there is none."
        )
        parser.add_argument(
            "--owner",
            metavar="NAME",
            help="Whose a made project becomes (the only superuser; in the demo, its admin).",
        )
        parser.add_argument(
            "--pairs", type=int, default=1, help="Comparisons to queue for each prompt (1)."
        )
        parser.add_argument(
            "--responses-per-comparison",
            type=int,
            metavar="K",
            help="2 to 9; more than two are ranked (what the project asks for).",
        )
        parser.add_argument("--source", default="", help="Where it is from (the file's name).")
        parser.add_argument(
            "--tag", action="append", default=[], help="A tag for every new prompt; repeatable."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would happen and store nothing."
        )
        parser.add_argument(
            "--skip-bad",
            action="store_true",
            help="Leave out rows with errors, count and list them, instead of refusing the file.",
        )

        parser.add_argument(
            "--mapping",
            type=Path,
            metavar="FILE",
            help="JSON that says what each column is (docs/data-formats.md), for a file whose "
            "shape is not known.",
        )
        parser.add_argument(
            "--number-labelers",
            action="store_true",
            help="Call labelers whom the file names annotator 1, 2, … and do not store the names.",
        )

    def handle(self, *_: Any, **given: Any) -> None:
        mapping = _mapping_in(given["mapping"])
        project, owner, is_new = self._project(given["project"], given["create"], given["owner"])
        try:
            options = ImportOptions(
                pairs=given["pairs"],
                responses_per_comparison=given["responses_per_comparison"],
                source=given["source"],
                tags=tuple(given["tag"]),
                dry_run=given["dry_run"],
                skip_bad=given["skip_bad"],
                mapping=mapping,
                number_labelers=given["number_labelers"],
                limits=ON_THE_SERVER,
            )
            with _opened(given["file"]) as file:
                report = import_file(
                    project,
                    None,
                    file,
                    name=given["file"].name,
                    options=options,
                    progress=self._progress,
                )
        except BaseException as fault:
            if is_new:
                owners.take_back(project, owner)
            raise self._in_words(fault, given["file"]) from fault
        if options.dry_run:
            if is_new:
                owners.take_back(project, owner)
        elif owner:
            owners.give(project, owner)
        self._print_report(project, report)
        if not options.dry_run:
            self._print_way_on(project)

    def _project(
        self, slug: str, create: bool, owner_name: str | None
    ) -> tuple[Project, User | None, bool]:
        """The project, who is to have it (None: who has it already), and whether it was made."""
        project = Project.objects.filter(slug=slug).first()
        try:
            if project is None:
                self._check_can_be_made(slug, create)
                owner = owners.choose(owner_name)
                project, is_new = owners.create_for(owner, slug)
                return project, owner, is_new
            if not (owner_name or (create and owners.belongs_to_nobody(project))):
                return project, None, False
            owner = owners.choose(owner_name)
            owners.check_can_have(owner, project)
        except owners.NoOwner as problem:
            raise CommandError(f"{problem} Nothing was imported.") from problem
        return project, owner, False

    def _check_can_be_made(self, slug: str, create: bool) -> None:
        if not create:
            known = ", ".join(Project.objects.values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(
                f"There is no project “{slug}” (there are: {known}). Add --create to make it."
            )
        if slugify(slug) != slug or not slug or len(slug) > 60 or slug in ("new", "preview"):
            raise CommandError(f"“{slug}” cannot be an address: use small letters, digits and -.")

    def _in_words(self, fault: BaseException, path: Path) -> BaseException:
        if isinstance(fault, ImportRefused):
            self._print_problems(fault)
            return CommandError(fault.summary)
        if isinstance(fault, OSError) and fault.filename:
            return CommandError(f"{path} cannot be read: {fault.strerror}.")
        if isinstance(fault, (ValueError, ImportInterrupted, ImportUnfinished)):
            return CommandError(str(fault))
        return fault

    def _progress(self, what: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        of_all = f" of {total:,}" if total is not None else ""
        self.stderr.write(f"\r{what}: {done:,}{of_all} rows", ending="")
        self.stderr.flush()

    def _print_problems(self, refused: ImportRefused) -> None:
        self._print_table([(one.place, one.field, one.words) for one in refused.problems])
        if refused.can_skip:
            self.stderr.write("With --skip-bad such rows are left out, and all others imported.")

    def _print_table(self, rows: list[tuple[str, str, str]]) -> None:
        cells = [("where", "field", "what was wrong")]
        cells += [(place or "–", field, words) for place, field, words in rows]
        widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
        for place, field, words in cells:
            self.stderr.write(f"{place:>{widths[0]}}  {field:<{widths[1]}}  {words}")

    def _print_report(self, project: Project, report: ImportReport) -> None:
        title = "Would be imported" if report.dry_run else "Imported"
        self.stdout.write(f"{title} into {project.slug} in {report.seconds:.1f} s:")
        for words, count in report.lines():
            self.stdout.write(f"{count:>12,}  {words}")
        for notice in report.notices:
            self.stdout.write(f"{'note':>12}  {notice}")
        if report.skipped:
            shown = report.skipped_lines
            of_all = f", the first {len(shown):,}" if report.skipped > len(shown) else ""
            self.stderr.write(f"Rows with errors, skipped{of_all}:")
            self._print_table([(row["place"], row["field"], row["problem"]) for row in shown])

    def _print_way_on(self, project: Project) -> None:
        self.stdout.write(f"\n{way_in(project, reverse('project', args=[project.slug]))}")
        self.stdout.write(NEXT_STEPS)
