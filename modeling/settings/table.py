"""The table of all settings in docs/loop-settings.md.

python -m modeling.settings.table        writes it; a test says when that was forgotten
"""

from pathlib import Path

from modeling.settings import SECTIONS, TITLES, Setting
from modeling.settings.declaring import Number, OneOf

PAGE = Path(__file__).parents[2] / "docs" / "loop-settings.md"
BEGIN = "<!-- made by python -m modeling.settings.table; edit modeling/settings instead -->"
HEAD = "| setting | on the page | allowed | default | who | programs |\n|---|---|---|---|---|---|"


def tables() -> str:
    parts = [BEGIN]
    for section, settings in SECTIONS.items():
        rows = "\n".join(_row(setting) for setting in settings)
        parts.append(f"## {TITLES[section]}\n\n{HEAD}\n{rows}")
    return "\n\n".join(parts) + "\n"


def _row(setting: Setting) -> str:
    allowed = setting.allowed
    if isinstance(setting, OneOf):
        allowed = ", ".join(f"`{choice}`" for choice in setting.choices)
    key = setting.key or setting.name
    programs = ", ".join(f"{program} `{key}`" for program in setting.programs)
    cells = (
        f"`{setting.name}`",
        setting.label,
        allowed,
        _default(setting),
        setting.who.in_words,
        programs,
    )
    return f"| {' | '.join(cells)} |"


def _default(setting: Setting) -> str:
    if setting.default in (None, ""):
        return "empty"
    if isinstance(setting.default, bool):
        return "on" if setting.default else "off"
    if isinstance(setting, Number):
        return f"{setting.default * (100 if setting.as_percent else 1):g}"
    return f"`{setting.default}`" if isinstance(setting, OneOf) else f"{setting.default:,}"


def main() -> None:
    before = PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]
    PAGE.write_text(before + tables(), encoding="utf-8")


if __name__ == "__main__":
    main()
