"""Limits of what a project sets: those of its declaration, in a program's words."""

from modeling.run_data.limits import FLAG, TEXT, Limit, number, one_of, whole
from modeling.settings.declaring import LearningProgram, Number, OneOf, Setting, WholeNumber, YesNo
from modeling.settings.for_programs import settings_of

# An empty base model means the one from before to a project, and nothing to a program; and who runs
# a program by hand may have a reason for many passes, or for a rate of their own.
OF_PAGES_ALONE = ("base_model", "epochs", "learning_rate")


def declared(program: LearningProgram) -> dict[str, Limit]:
    """The limits of the program's settings, by their names in its config."""
    return {
        key: Limit(_words(setting), setting.is_allowed_in_program)
        for key, setting in settings_of(program).items()
        if key not in OF_PAGES_ALONE
    }


def _words(setting: Setting) -> str:
    words = _kind(setting).words
    may_be_null = setting.may_be_empty or getattr(setting, "zero_is_none", False)
    return f"null or {words}" if may_be_null else words


def _kind(setting: Setting) -> Limit:
    match setting:
        case WholeNumber():
            return whole(setting.low, setting.high)
        case Number():
            return number(least=setting.low, most=setting.high)
        case OneOf():
            return one_of(*(choice.value for choice in setting.choices))
        case YesNo():
            return FLAG
    return TEXT
