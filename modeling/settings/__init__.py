"""The settings of the loop, each declared once. Form, API, model, checks and docs follow from the
declaration. Pure, since the learning programs import it, too."""

from typing import TypeVar

from modeling.settings.declaring import Section, Setting
from modeling.settings.improvement import IMPROVEMENT
from modeling.settings.sampling import SAMPLING
from modeling.settings.selection import SELECTION
from modeling.settings.training import TRAINING

SECTIONS: dict[Section, tuple[Setting, ...]] = {
    Section.TRAINING: TRAINING,
    Section.SELECTION: SELECTION,
    Section.SAMPLING: SAMPLING,
    Section.IMPROVEMENT: IMPROVEMENT,
}
TITLES = {
    Section.TRAINING: "Learning",
    Section.SELECTION: "Choosing",
    Section.SAMPLING: "Sampling",
    Section.IMPROVEMENT: "Improving the policy",
}
SETTINGS: dict[str, Setting] = {
    setting.name: setting for section in SECTIONS.values() for setting in section
}
S = TypeVar("S", bound=Setting)


def declared(name: str, kind: type[S]) -> S:
    """Gives the declaration of this name, which has to be of this kind."""
    setting = SETTINGS[name]
    assert isinstance(setting, kind), f"{name} is declared as another kind"
    return setting


__all__ = ["SECTIONS", "SETTINGS", "TITLES", "Section", "Setting", "declared"]
