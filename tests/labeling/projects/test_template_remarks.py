"""What a chat template will not take is said when the base model is chosen."""

import json
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from labeling.projects.model_locations import WEIGHTS
from labeling.projects.template_remarks import NO_SYSTEM, NOTHING, WANTS_SYSTEM, remark_on
from tests.factories import make_member, make_project
from tests.modeling.pages.loop.test_loop_settings_form import filled

PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
REFUSES = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('No system') }}{% endif %}" + PLAIN
)
DROPS = "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}"
WANTS = "{% if messages[0].role != 'system' %}{{ raise_exception('Who?') }}{% endif %}" + PLAIN
IN_PARTS = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
DATED = "{{ strftime_now('%d %b %Y') }} {{ tools | tojson(indent=4) }}" + PLAIN
OUT_OF_BOX = "{{ ''.__class__.__mro__[1].__subclasses__() }}" + PLAIN


@pytest.fixture
def folder(tmp_path: Path, settings) -> Path:  # type: ignore[no-untyped-def]
    settings.MODEL_ROOTS = [tmp_path]
    base = tmp_path / "base"
    base.mkdir()
    for name in ("config.json", "tokenizer.json", WEIGHTS[0].replace("*", "model")):
        (base / name).write_text("{}")
    return base


@pytest.mark.parametrize(
    ("template", "remark"),
    [
        (PLAIN, ""),
        (REFUSES, NO_SYSTEM),
        (DROPS, NO_SYSTEM),
        (WANTS, WANTS_SYSTEM),
        (IN_PARTS, NOTHING),
        (DATED, ""),
        (OUT_OF_BOX, NOTHING),
        ("{% for", NOTHING),
        ("", ""),
    ],
)
def test_what_a_template_does_not_take_is_said(folder: Path, template: str, remark: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    assert remark_on(str(folder)) == remark


@pytest.mark.parametrize("written", [REFUSES, [{"name": "default", "template": REFUSES}]])
def test_a_template_within_the_tokenizers_settings_is_read_too(
    folder: Path, written: object
) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": written}))
    assert remark_on(str(folder)) == NO_SYSTEM


@pytest.mark.parametrize("settings_file", ["[]", "no JSON", '{"chat_template": [1]}'])
def test_a_damaged_file_says_nothing(folder: Path, settings_file: str) -> None:
    (folder / "tokenizer_config.json").write_text(settings_file)
    assert remark_on(str(folder)) == ""


def test_nothing_is_said_of_hub_ids_and_of_what_may_not_be_used() -> None:
    assert [remark_on(name) for name in ("org/model", "/etc", "")] == ["", "", ""]


@pytest.mark.django_db
def test_the_remark_comes_with_the_saved_settings(folder: Path, client: Client) -> None:
    (folder / "chat_template.jinja").write_text(REFUSES)
    project = make_project()
    client.force_login(make_member(project, "admin"))
    url = reverse("project-loop-settings", args=[project.slug])
    given = filled(project, base_model=str(folder)).data
    shown = client.post(url, given, follow=True)
    assert NO_SYSTEM in shown.content.decode()
