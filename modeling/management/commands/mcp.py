"""`python manage.py mcp`: the server of the Model Context Protocol, over standard input and output.

A program that speaks the protocol starts it by itself (docs/mcp.md).
"""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.models import Scope
from labeling.people.signing_in.tokens import TokenRefused, find_token


class Command(BaseCommand):
    help = (
        "Lets a language model look at projects, and change what a person confirms, with the API "
        "token in the environment variable PREFERABLE_TOKEN."
    )
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
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
