"""`python manage.py up`: starts web, workers, beat and, unless REDIS_URL is set, Redis."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config import data_dir, database, private_files
from config.up import web_port
from config.up.supervisor import Supervisor
from config.up.terminal import say


class Command(BaseCommand):
    help = "Starts all parts of Preferable and keeps them running until Ctrl-C."
    # They import every page, which the web server does as well: it would say what is wrong.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--verbose", action="store_true", help="show the logs of all parts")

    def handle(self, *_args: Any, **options: Any) -> None:
        host = os.environ.get("HOST") or "127.0.0.1"
        port = web_port.from_environment()
        data_dir.check(settings.DATA_DIR)
        say(f"Preferable starts, with its data in {settings.DATA_DIR}")
        if private_files.is_open_to_others(settings.DATA_DIR):
            say("  Other users of this machine can read that folder, and it could not be closed to")
            say("  them: make it this user's own, or set DATA_DIR to another folder")

        def welcome() -> str:
            web_port.note(settings.DATA_DIR, host, port)
            address = web_port.address(host, port)
            return f"\n{database.welcome(address)}\nCtrl-C stops."

        Supervisor(
            data_dir=settings.DATA_DIR,
            host=host,
            port=port,
            embedded_redis=not os.environ.get("REDIS_URL"),
            verbose=options["verbose"],
        ).run(lambda: database.prepare(settings.DATA_DIR, host), welcome)
