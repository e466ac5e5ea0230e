"""`manage.py create_demo`: the demo project with its people, questions and policy."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from labeling.models import Project
from labeling.people.signing_in import demo
from labeling.people.signing_in.ways_in import way_in
from modeling.demo import project as demo_project


class Command(BaseCommand):
    help = "Creates the demo project “demo”. Where it exists, only what is missing is added."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            made = demo_project.create()
        except demo_project.NameTaken as problem:
            raise CommandError(str(problem)) from problem
        count = made.project.comparisons.count()
        self.stdout.write(
            f"The demo project has {made.project.prompts.count()} prompts and {count} comparisons."
            if made.is_new
            else "The demo project is there already; nothing of it was changed."
        )
        self.stdout.write(self._how_to_enter(made.project))
        if made.trouble:
            self.stderr.write(self.style.WARNING(made.trouble))

    def _how_to_enter(self, project: Project) -> str:
        if demo.is_on():
            return way_in(project, reverse("project", args=[project.slug]))
        return (
            "Its people have no passwords: they enter by the address that “make run” prints while "
            "the demo is on (DEMO_MODE=1, and nobody has an account). Superusers see it anyway."
        )
