"""Weights that are no numbers are named when a model is loaded: in a loss, a hundred steps later,
they look like a learning rate that is too high."""

from torch import nn

from modeling.core.program.errors import ProgramError


def refuse_not_finite(source: str, model: nn.Module) -> None:
    """Raises ProgramError that names the first tensor with a NaN or an infinity, and counts them.
    Quantised weights are whole numbers and are passed over."""
    bad = [
        name
        for name, weight in model.named_parameters()
        if weight.is_floating_point() and not weight.isfinite().all()
    ]
    if not bad:
        return
    others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    raise ProgramError(
        f"The weights of {source} are not all finite numbers: {bad[0]}{others} hold NaN or "
        "infinity.",
        where=f"{source}: {bad[0]}",
        hint="The checkpoint is damaged, or was saved after a training that diverged: fetch it "
        "anew, or take an earlier one. No setting of this run mends it.",
    )
