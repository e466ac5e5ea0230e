"""`python manage.py mcp`: the server of the Model Context Protocol.

By itself over standard input and output: a program that speaks the protocol starts it. With --port
over HTTP, where every request brings its own token (docs/mcp.md).
"""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.models import Scope
from labeling.people.signing_in.tokens import TokenRefused, find_token


class Command(BaseCommand):
    help = (
        "Lets a language model look at projects, and change what a person confirms, with the API "
        "token in the environment variable PREFERABLE_TOKEN."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, help="Serve over HTTP at this port, for tokens sent as Bearer."
        )
        parser.add_argument(
            "--host", default="127.0.0.1", help="With --port: where to listen (this machine)."
        )
        parser.add_argument(
            "--name",
            action="append",
            default=[],
            help="With --port: a host, as host or host:port, that requests may be for beside the "
            "address it listens on, such as that of a proxy; may be repeated.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["port"] is not None:
            from modeling.mcp.over_http import serve

            serve(options["host"], options["port"], options["name"])
            return
        self._serve_one()

    def _serve_one(self) -> None:
        # Imported when it runs: nothing else of the product needs the package.
        from modeling.mcp.server import make_server

        key = os.environ.get("PREFERABLE_TOKEN", "").strip()
        if not key:
            raise CommandError(
                "Set PREFERABLE_TOKEN to an API token of yours (your name → API tokens, or "
                "manage.py create_api_token)."
            )
        try:
            token = find_token(key)
        except TokenRefused as refusal:
            raise CommandError(f"PREFERABLE_TOKEN: {refusal}") from None
        if not token.allows(Scope.READ):
            raise CommandError(
                f"PREFERABLE_TOKEN: this token lacks the scope “{Scope.READ.value}”."
            )
        make_server(key, may_write=token.allows(Scope.WRITE)).run("stdio")
