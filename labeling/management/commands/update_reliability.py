"""`manage.py update_reliability [SLUG …]`: weighs the labelers' judgments anew, now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.models import Project
from labeling.quality.weights import update_reliability


class Command(BaseCommand):
    help = "Estimates labelers' reliability and settles anew the preferences that it changes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="*", help="Projects; without any: all.")

    def handle(self, *args: Any, **options: Any) -> None:
        projects = Project.objects.all()
        if options["slug"]:
            projects = projects.filter(slug__in=options["slug"])
            missing = set(options["slug"]) - set(projects.values_list("slug", flat=True))
            if missing:
                raise CommandError(f"There is no project {', '.join(sorted(missing))}.")
        for project in projects:
            updated = update_reliability(project)
            self.stdout.write(
                f"{project.slug}: {updated.labelers} labelers weigh differently, "
                f"{updated.resettled.changed} preferences changed, "
                f"{updated.resettled.turned} of them to another answer."
            )
