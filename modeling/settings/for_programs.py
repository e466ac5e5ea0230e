"""What a learning program takes of the loop's settings, by the names in its config."""

from modeling.settings import SETTINGS, Setting
from modeling.settings.declaring import Program


def settings_of(program: Program) -> dict[str, Setting]:
    """By their keys in the program's config."""
    return {
        setting.key or name: setting
        for name, setting in SETTINGS.items()
        if program in setting.programs
    }
