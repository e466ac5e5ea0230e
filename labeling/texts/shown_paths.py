"""What pages, the API and exports show of a path: never where it lies on the server.

How a machine is laid out helps whoever looks for a way in, and is of no use to anybody else. Below
a folder that Preferable knows the rest of the path is shown, of any other its last part.
"""

import os
import re
from functools import lru_cache
from typing import Any

from django.conf import settings

# Two parts at least, and not within an address (http://host/v1/chat) or a closing tag.
_PART = r"[^\s/\"'`<>|:;,()]"
PATH = re.compile(rf"(?<![\w.:/\]<~-])(?:file://)?(?:~[\w-]*)?/(?:{_PART}+/)+{_PART}*")


def without_paths(text: str) -> str:
    """The text with every absolute path in it shortened."""
    if "/" not in text:
        return text
    for folder, name in _known(str(settings.DATA_DIR), str(settings.BASE_DIR), _roots()):
        text = re.sub(rf"(?<![\w.:/~-]){re.escape(folder)}/+", name, text)
    return PATH.sub(_last_part, text)


def details_without_paths(value: Any) -> Any:
    """The same for what a JSON column holds."""
    if isinstance(value, str):
        return without_paths(value)
    if isinstance(value, dict):
        return {name: details_without_paths(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [details_without_paths(one) for one in value]
    return value


def _last_part(path: re.Match[str]) -> str:
    return f"…/{path[0].rstrip('/').rpartition('/')[2]}"


def _roots() -> tuple[str, ...]:
    return tuple(str(root) for root in settings.MODEL_ROOTS)


@lru_cache(maxsize=8)
def _known(data_dir: str, base_dir: str, roots: tuple[str, ...]) -> list[tuple[str, str]]:
    """(folder, what stands in its place), innermost first, as written and as they really lie."""
    names = [(root, f"./{os.path.basename(root)}/") for root in roots]
    names += [(data_dir, ""), (base_dir, "")]
    written = [(os.path.normpath(folder), name) for folder, name in names]
    real = [(os.path.realpath(folder), name) for folder, name in names]
    both = dict(written + real)
    return sorted(both.items(), key=lambda pair: -len(pair[0]))
