"""What a model's chat template will not take, said when the model is chosen: by then a training
that merges such prompts (modeling/core/texts/roles.py) or leaves them out
(modeling/core/texts/left_out.py) is still to come.

The template is a small program of the model's maker: it is run in Jinja's sandbox, on made-up
messages, without the libraries that load models. Of a hub id nothing is known before it is loaded.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from labeling.models import Project
from labeling.projects.model_locations import NotUsable, locate

MOST_BYTES = 200_000
SYSTEM, USER = {"role": "system", "content": "Mark-one."}, {"role": "user", "content": "Mark-two."}
NO_SYSTEM = "Its chat template takes no system message: one is put before the first user message."
WANTS_SYSTEM = (
    "Its chat template wants a system message: prompts without one are left out, counted and named "
    "in the run's result."
)
NOTHING = "Its chat template writes no plain text: trainings that start from it are refused."


def remark_on(location: str, project: Project | None = None) -> str:
    """A sentence on the template of the model at this location; "" where there is none to make."""
    try:
        folder = locate(location, project)
    except NotUsable:
        return ""
    template = template_in(folder) if folder is not None else ""
    if not template:
        return ""
    with_system, alone = (
        written_by_template(template, prompt) for prompt in ([SYSTEM, USER], [USER])
    )
    if not _has(alone, USER):
        return WANTS_SYSTEM if _has(with_system, SYSTEM, USER) else NOTHING
    return "" if _has(with_system, SYSTEM, USER) else NO_SYSTEM


def template_in(folder: Path) -> str:
    """The folder's chat template; "" where it has none that can be read."""
    try:
        own = folder / "chat_template.jinja"
        if own.is_file():
            return own.read_text() if own.stat().st_size <= MOST_BYTES else ""
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        template = settings.get("chat_template", "")
        if isinstance(template, list):  # several by name, as older tokenizers have them
            named = {one.get("name"): one.get("template") for one in template}
            template = named.get("default", "")
    except (OSError, ValueError, AttributeError):
        return ""
    return template if isinstance(template, str) and len(template) <= MOST_BYTES else ""


def written_by_template(template: str, messages: list[dict[str, str]]) -> str:
    """The messages as the template writes them; "" where it refuses them."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    environment.globals |= {"raise_exception": _refuse, "strftime_now": _strftime_now}
    variables: Mapping[str, Any] = {"messages": messages, "add_generation_prompt": True}
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "tools": None, "documents": None}
    try:
        return environment.from_string(template).render(**variables, **tokens)
    except Exception:  # a foreign program: whatever goes wrong in it, it does not take these
        return ""


def _has(text: str, *messages: dict[str, str]) -> bool:
    return all(message["content"] in text for message in messages)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime(2024, 7, 26).strftime(form)
