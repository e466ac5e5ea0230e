"""`manage.py import_gold PROJECT FILE`: brings gold that a curator then looks through."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from labeling.importing.reports import ImportRefused
from labeling.models import Project
from labeling.people.signing_in.ways_in import way_in
from labeling.quality.gold_files import add_gold_file


class Command(BaseCommand):
    help = (
        "Brings gold: comparisons whose answer is known. A line for each: prompt, responses, "
        "expected (the number of the right one, counted from 1), reason. A file with errors is "
        "not taken at all; the errors are listed. Labelers get it when a curator releases it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="The project's slug.")
        parser.add_argument("file", type=Path, help="A .jsonl file, plain or packed with gzip.")

    def handle(self, *_: Any, **given: Any) -> None:
        path: Path = given["file"]
        project = Project.objects.filter(slug=given["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(f"There is no project “{given['project']}” (there are: {known}).")
        try:
            with path.open("rb") as file:
                report = add_gold_file(project, None, file, name=path.name)
        except OSError as fault:
            raise CommandError(f"{path} cannot be read: {fault.strerror}.") from fault
        except ImportRefused as refused:
            for problem in refused.problems:
                where = problem.place or "the file"
                words = f"{problem.problem} {problem.advice}".strip()
                self.stderr.write(f"{where}, {problem.field}: {words}")
            raise CommandError(refused.summary) from refused
        for sentence in report.sentences:
            self.stdout.write(sentence)
        self.stdout.write("Labelers get it when a curator has looked through it:")
        self.stdout.write(way_in(project, reverse("gold-look", args=[project.slug])))
