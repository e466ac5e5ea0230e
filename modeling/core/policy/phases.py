"""What an improvement of a policy consists of, and what each phase costs, for its progress.

Costs are seconds on some machine: one for a response that is drawn and read, a third of one for a
text that is learnt from. modeling/core/program/whole.py replaces them by what is measured.
"""

from modeling.core.program.whole import Phase
from modeling.run_data.train_policy import TrainPolicyResolved

DRAW, LEARN, READ = 1.0, 0.3, 0.1
LOAD, EXPORT = 10.0, 10.0
LOOKS = 4  # of DPO and of learning the best-of-n, at the held-out prompts

LOADING = "loading the models"
START, END = "measuring the start", "measuring the end"
VALUES, REFERENCE = "learning values", "reading the reference"
POOL, IMPROVING, EXPORTING = "sampling", "improving", "exporting"


def phases_of(config: TrainPolicyResolved, prompts: int, held_out: int, pairs: int) -> list[Phase]:
    """List the phases in their order. `prompts`, `held_out` and `pairs` are numbers of these."""
    measuring = DRAW * held_out * config.eval_responses
    phases = [Phase(LOADING, LOAD), Phase(START, measuring)]
    if config.is_online:
        rows = min(config.prompts_per_step, prompts) * config.responses_per_prompt
        if config.algorithm == "ppo":
            phases.append(Phase(VALUES, READ * held_out * config.eval_responses + LOAD))
        phases.append(Phase(IMPROVING, (DRAW + LEARN) * rows * (config.steps + 1)))
    elif config.algorithm == "dpo":
        phases.append(Phase(REFERENCE, READ * 2 * pairs))
        learning = LEARN * 2 * pairs * config.epochs
        phases.append(Phase(IMPROVING, learning + LOOKS * measuring))
    else:
        pool = min(config.pool_prompts, prompts)
        phases.append(Phase(POOL, DRAW * pool * config.best_of))
        if not config.distill:
            return phases
        learning = LEARN * pool * config.epochs
        phases.append(Phase(IMPROVING, learning + LOOKS * measuring))
    return [*phases, Phase(END, measuring), Phase(EXPORTING, EXPORT)]
