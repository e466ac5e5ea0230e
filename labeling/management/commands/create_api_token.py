"""`manage.py create_api_token USER`: a token for a program, without a browser."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from labeling.models import ApiToken, Scope, User
from labeling.people.signing_in.tokens import TokensError, make_token

MOST_DAYS = 36_500


class Command(BaseCommand):
    help = "Makes an API token and prints its key, the only time that it can be seen."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="Made on the command line")
        parser.add_argument(
            "--scopes",
            nargs="+",
            choices=Scope.values,
            default=[Scope.READ.value],
            help="what it may do; read alone where nothing is said",
        )
        parser.add_argument(
            "--days", type=int, default=90, help="90 where nothing is said; 0: until it is revoked"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        days = options["days"]
        if not 0 <= days <= MOST_DAYS:
            raise CommandError(f"--days is from 0 to {MOST_DAYS:,}; 0: until it is revoked.")
        name = options["name"].strip()
        longest = ApiToken._meta.get_field("name").max_length or 0
        if not 0 < len(name) <= longest:
            raise CommandError(f"--name has 1 to {longest} characters, not {len(name)}.")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        scopes = [Scope(value) for value in options["scopes"]]
        try:
            _token, key = make_token(user, name, scopes, expires_at)
        except TokensError as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(key)
