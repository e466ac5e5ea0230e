"""`manage.py import_data PROJECT FILE`: takes a JSONL file (also .gz) into a project."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify

from labeling.importing import ImportOptions, ImportRefused, ImportReport, import_file
from labeling.models import Project


class Command(BaseCommand):
    help = (
        "Imports prompts, prompts with responses, or (prompt, chosen, rejected) triples. "
        "A file with errors is not imported at all; the errors are listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="The project's slug.")
        parser.add_argument("file", type=Path, help="A .jsonl file, plain or packed with gzip.")
        parser.add_argument(
            "--create", action="store_true", help="Make the project if there is none."
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

    def handle(self, *_: Any, **given: Any) -> None:
        project, is_new = self._project(given["project"], create=given["create"])
        try:
            options = ImportOptions(
                pairs=given["pairs"],
                responses_per_comparison=given["responses_per_comparison"],
                source=given["source"],
                tags=tuple(given["tag"]),
                dry_run=given["dry_run"],
            )
            with given["file"].open("rb") as file:
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
                project.delete()
            raise self._in_words(fault, given["file"]) from fault
        if is_new and options.dry_run:
            project.delete()
        self._print_report(project, report)

    def _project(self, slug: str, *, create: bool) -> tuple[Project, bool]:
        project = Project.objects.filter(slug=slug).first()
        if project:
            return project, False
        if not create:
            known = ", ".join(Project.objects.values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(
                f"There is no project “{slug}” (there are: {known}). Add --create to make it."
            )
        if slugify(slug) != slug or not slug or len(slug) > 60 or slug in ("new", "preview"):
            raise CommandError(f"“{slug}” cannot be an address: use small letters, digits and -.")
        return Project.objects.create(slug=slug, name=slug), True

    def _in_words(self, fault: BaseException, path: Path) -> BaseException:
        if isinstance(fault, ImportRefused):
            self._print_problems(fault)
            return CommandError(fault.summary)
        if isinstance(fault, OSError) and fault.filename:
            return CommandError(f"{path} cannot be read: {fault.strerror}.")
        return CommandError(str(fault)) if isinstance(fault, ValueError) else fault

    def _progress(self, what: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        of_all = f" of {total:,}" if total is not None else ""
        self.stderr.write(f"\r{what}: {done:,}{of_all} rows", ending="")
        self.stderr.flush()

    def _print_problems(self, refused: ImportRefused) -> None:
        cells = [("line", "field", "what was wrong")]
        for problem in refused.problems:
            words = f"{problem.problem} {problem.advice}".strip()
            cells.append((str(problem.line) if problem.line else "–", problem.field, words))
        widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
        for line, field, words in cells:
            self.stderr.write(f"{line:>{widths[0]}}  {field:<{widths[1]}}  {words}")

    def _print_report(self, project: Project, report: ImportReport) -> None:
        title = "Would be imported" if report.dry_run else "Imported"
        self.stdout.write(f"{title} into {project.slug} in {report.seconds:.1f} s:")
        for words, count in report.lines():
            self.stdout.write(f"{count:>12,}  {words}")
        for notice in report.notices:
            self.stdout.write(f"{'note':>12}  {notice}")
