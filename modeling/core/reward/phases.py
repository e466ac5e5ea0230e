"""What a training of a reward model consists of, and what each phase costs, for its progress.

Costs are seconds on some machine: a text that is read takes a twentieth of one, one that is learnt
from three times as long. modeling/core/program/whole.py replaces them by what is measured.
"""

from collections.abc import Sequence

from modeling.core.program.whole import Phase
from modeling.core.reward.parts import TrainingPart, parts_of
from modeling.core.texts.groups import PromptGroup
from modeling.run_data.train_reward import TrainRewardConfig

READ, LEARN, TOKENISE = 0.05, 0.15, 0.001
LOAD, SAVE, REPORT = 5.0, 5.0, 1.0
FIT = 3.0
EPOCHS = 3  # until the model says how many fit it


def phases_of(config: TrainRewardConfig, groups: Sequence[PromptGroup]) -> list[Phase]:
    """List the phases in their order. `config` may have its nulls yet, or be resolved."""
    texts = sum(len(group.responses) for group in groups)
    phases = []
    for part in parts_of(config):
        phases.append(Phase("loading the model", LOAD, part.name))
        if part == TrainingPart():
            phases.append(Phase("preparing the texts", TOKENISE * texts, part.name))
        phases += _of_part(config, groups, part, texts)
        if part.leaves_model:
            phases.append(Phase("saving and checking", SAVE, part.name))
    return [*phases, Phase("reporting", REPORT)]


def _of_part(
    config: TrainRewardConfig, groups: Sequence[PromptGroup], part: TrainingPart, texts: int
) -> list[Phase]:
    if config.method == "frozen":
        return [Phase("reading", READ * texts, part.name), Phase("fitting", FIT, part.name)]
    train = sum(len(group.responses) for group in groups if group.split == "train")
    training = LEARN * train * part.share * (config.epochs or EPOCHS)
    scored = texts if part.leaves_model else texts - train
    return [
        Phase("training", training, part.name),
        Phase("evaluating", READ * scored, part.name),
    ]
