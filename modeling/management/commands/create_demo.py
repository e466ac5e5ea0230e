"""`manage.py create_demo`: the demo project with its people, questions and policy."""

from typing import Any

from django.core.management.base import BaseCommand

from modeling import demo_project


class Command(BaseCommand):
    help = "Creates the demo project “demo”. Where it exists, only what is missing is added."

    def handle(self, *_: Any, **__: Any) -> None:
        made = demo_project.create()
        count = made.project.comparisons.count()
        self.stdout.write(
            f"The demo project has {made.project.prompts.count()} prompts and {count} comparisons."
            if made.is_new
            else "The demo project is there already; nothing of it was changed."
        )
        if made.trouble:
            self.stderr.write(self.style.WARNING(made.trouble))
