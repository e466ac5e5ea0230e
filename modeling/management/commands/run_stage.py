"""`manage.py run_stage RUN`: carries out a queued run here and now, without a worker."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modeling.models import Run
from modeling.pipeline import executing
from modeling.runs import lifecycle


class Command(BaseCommand):
    help = "Carries out a queued run in this terminal. Ctrl-C ends it; a worker then takes it up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="The run's number.")
        parser.add_argument(
            "--retry", action="store_true", help="Queue it again first, if it has failed."
        )

    def handle(self, *_: Any, **given: Any) -> None:
        run = Run.objects.filter(pk=given["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {given['run']}.")
        if given["retry"]:
            try:
                lifecycle.retry(run, None)
            except lifecycle.CannotRetry as problem:
                raise CommandError(str(problem)) from problem
        if not executing.execute(run.pk):
            run.refresh_from_db()
            raise CommandError(f"Run {run.pk} is {run.state}: only a queued run can be started.")
        run.refresh_from_db()
        self.stdout.write(f"Run {run.pk} ({run.get_kind_display()}): {run.state}")
        if run.error:
            raise CommandError(run.error)
