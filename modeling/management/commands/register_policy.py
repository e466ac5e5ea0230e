"""`manage.py register_policy PROJECT LOCATION`: a new version of the model that is sampled."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.models import Project
from labeling.projects.model_locations import NotUsable
from modeling.policies import registry


class Command(BaseCommand):
    help = "Registers a folder or a hub id as the project's next policy; it takes over sampling."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="The project's slug.")
        parser.add_argument(
            "location",
            help="A folder below MODEL_ROOTS, the model of one of the project's runs "
            "(runs/12/model), a hub id such as org/name, or the address of an OpenAI-compatible "
            "server: http://host:8000/v1?model=NAME&api_key_env=POLICY_API_KEY.",
        )
        parser.add_argument("--name", default="", help="What people call it (the folder's name).")
        parser.add_argument("--notes", default="", help="What is worth knowing about it.")
        parser.add_argument(
            "--not-current", action="store_true", help="Only register it; sampling stays as it is."
        )

    def handle(self, *_: Any, **given: Any) -> None:
        project = Project.objects.filter(slug=given["project"]).first()
        if project is None:
            raise CommandError(f"There is no project “{given['project']}”.")
        try:
            policy = registry.register_policy(
                project,
                given["name"],
                given["location"],
                make_current=not given["not_current"],
                notes=given["notes"],
            )
        except NotUsable as problem:
            raise CommandError(str(problem)) from problem
        state = "registered" if given["not_current"] else "registered and in service"
        self.stdout.write(f"{policy} of {project} is {state}.")
