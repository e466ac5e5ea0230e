"""What a learning program takes of the loop's settings, by the names in its config."""

from modeling.settings import SETTINGS, Setting
from modeling.settings.declaring import LearningProgram


def settings_of(program: LearningProgram) -> dict[str, Setting]:
    """The settings that the program reads, by their keys in its config."""
    return {
        setting.key or name: setting
        for name, setting in SETTINGS.items()
        if program in setting.programs
    }
