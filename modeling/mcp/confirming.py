"""Changes in two steps: the first call says what would change and hands out a code, the second one
with this code does it.

The code is signed and names exactly that change: the token, the tool, the project, what was asked
for, and every row with the state in which it was seen. It ends after some minutes, and where a row
has changed meanwhile: so also by itself once the change is done.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.core import signing
from mcp.server.mcpserver.exceptions import ToolError

from modeling.mcp.acting import acting

SALT = "modeling.mcp.confirming"
SECONDS = 600


def code_for(change: Mapping[str, Any]) -> str:
    """The code that confirms this change by this token."""
    return signing.dumps(_digest(change), salt=SALT)


def asked_to_confirm(change: Mapping[str, Any], **what: Any) -> dict[str, Any]:
    """The answer of the first step: nothing was changed yet."""
    return {
        "changed": False,
        **what,
        "confirmation": code_for(change),
        "confirmation_ends_in_seconds": SECONDS,
        "how_to_go_on": "Show the person what would change. If they agree, call this tool again "
        "with the same arguments and this confirmation.",
    }


def check(code: str, change: Mapping[str, Any]) -> None:
    """Raises ToolError unless the code confirms exactly this change."""
    try:
        digest = signing.loads(code, salt=SALT, max_age=SECONDS)
    except signing.SignatureExpired:
        raise ToolError(
            "The confirmation has ended. Nothing was changed: call again without it."
        ) from None
    except signing.BadSignature:
        raise ToolError(
            "This is no confirmation. Nothing was changed: call without one first."
        ) from None
    if digest != _digest(change):
        raise ToolError(
            "The confirmation is for another change, or the rows have changed meanwhile. Nothing "
            "was changed: call again without it, and look at what would change now."
        )


def _digest(change: Mapping[str, Any]) -> str:
    words = json.dumps({"token": acting().token.pk, **change}, sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()
