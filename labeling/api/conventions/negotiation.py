"""Answers in the type that an endpoint has, whatever `Accept` says.

An endpoint has one type, or is told another one by `format`; a log, an archive and a description of
an error are never JSON of one and text of the other.
"""

from collections.abc import Sequence
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OneType(DefaultContentNegotiation):
    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
