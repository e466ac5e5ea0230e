"""`manage.py import_data PROJECT FILE …`: takes files, a folder of data or a data set of a hub into
a project."""

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from labeling.importing.files import Folder, Several, Source
from labeling.importing.hub.downloading import download
from labeling.importing.hub.naming import HubDataset, HubRefused
from labeling.importing.kept.import_folder import KEPT_DAYS
from labeling.importing.kept.uploads import name_of_all
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


@dataclass(frozen=True)
class Given:
    """What is to be imported: files by their paths, or a data set of a hub."""

    paths: list[Path]
    dataset: HubDataset | None = None

    @property
    def name(self) -> str:
        return self.dataset.name if self.dataset else name_of_all([one.name for one in self.paths])

    @contextmanager
    def open(self, heard: Callable[[int, int], object]) -> Iterator[Source]:
        with ExitStack() as until_read:
            if self.dataset:
                folder = until_read.enter_context(tempfile.TemporaryDirectory(prefix="import-"))
                upload = download(self.dataset, Path(folder) / "files", heard)
                yield until_read.enter_context(upload.open())
            elif len(self.paths) == 1 and self.paths[0].is_dir():
                yield Folder(self.paths[0])
            else:
                files = [until_read.enter_context(path.open("rb")) for path in self.paths]
                names = [str(path) for path in self.paths]
                several = Several(list(zip(names, files, strict=True)))
                yield files[0] if len(files) == 1 else several


def _given(given: dict[str, Any]) -> Given:
    paths, hub = given["file"], given["hub"]
    if bool(paths) == bool(hub):
        raise CommandError("Give files, or --hub with the id of a data set: one of the two.")
    if not hub:
        if given["config"] or given["split"] or given["revision"]:
            raise CommandError("--config, --split and --revision go with --hub.")
        if len(paths) > 1 and (folders := [path for path in paths if path.is_dir()]):
            raise CommandError(f"{folders[0]} is a folder: give it alone, or the files in it.")
        return Given(paths)
    try:
        return Given([], HubDataset(hub, given["config"], given["split"], given["revision"]))
    except HubRefused as fault:
        raise CommandError(f"{fault} Nothing was imported.") from fault


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
        parser.add_argument("file", type=Path, nargs="*", help=f"{FILE} Several are one import.")
        parser.add_argument(
            "--hub",
            metavar="ID",
            help="Instead of files: a data set of the hub by its id, such as org/name.",
        )
        parser.add_argument("--config", default="", help="With --hub: its configuration.")
        parser.add_argument("--split", default="", help="With --hub: its split (all).")
        parser.add_argument("--revision", default="", help="With --hub: branch, tag or commit.")
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
        mapping, what = _mapping_in(given["mapping"]), _given(given)
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
            with what.open(self._downloaded) as file:
                report = import_file(
                    project,
                    None,
                    file,
                    name=what.name,
                    options=options,
                    progress=self._progress,
                )
        except BaseException as fault:
            if is_new:
                owners.take_back(project, owner)
            raise self._in_words(fault) from fault
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

    def _in_words(self, fault: BaseException) -> BaseException:
        if isinstance(fault, ImportRefused):
            self._print_problems(fault)
            return CommandError(fault.summary)
        if isinstance(fault, OSError) and fault.filename:
            return CommandError(f"{fault.filename} cannot be read: {fault.strerror}.")
        if isinstance(fault, HubRefused):
            return CommandError(f"{fault} Nothing was imported.")
        if isinstance(fault, (ValueError, ImportInterrupted, ImportUnfinished)):
            return CommandError(str(fault))
        return fault

    def _progress(self, what: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        of_all = f" of {total:,}" if total is not None else ""
        self.stderr.write(f"\r{what}: {done:,}{of_all} rows", ending="")
        self.stderr.flush()

    def _downloaded(self, there: int, of_all: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\rDownloaded: {there:,} of {of_all:,} bytes", ending="")

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
            whole = f" (all of them on the page of import {report.import_id}, for {KEPT_DAYS} days)"
            self.stderr.write(
                f"Rows with errors, skipped{of_all}{'' if report.dry_run else whole}:"
            )
            self._print_table([(row["place"], row["field"], row["problem"]) for row in shown])

    def _print_way_on(self, project: Project) -> None:
        self.stdout.write(f"\n{way_in(project, reverse('project', args=[project.slug]))}")
        self.stdout.write(NEXT_STEPS)
