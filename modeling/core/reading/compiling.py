"""torch.compile for the parts of a model that gain from it and bear it: in each layer all but the
attention, that is norms and MLP, with any number of tokens.

A whole model would break into pieces at every packed row, whose attention is a function of its own
(FlexAttention, where it is used, is compiled in any case).
"""

from torch import nn
from transformers import PreTrainedModel

from modeling.core.reading.last_layer import find_layers

BACKEND = "inductor"


def compile_layers(model: PreTrainedModel) -> int:
    """Compile a model's parts in place; weights keep their names. Returns how many parts there are:
    0 where its layers cannot be told apart. A part is compiled when it is first called."""
    layers = find_layers(model)
    parts = [] if layers is None else [part for layer in layers for part in parts_of(layer)]
    for part in parts:
        part.compile(dynamic=True, backend=BACKEND)
    return len(parts)


def parts_of(layer: nn.Module) -> list[nn.Module]:
    """A layer's direct parts but its attention."""
    return [child for child in layer.children() if "attention" not in type(child).__name__.lower()]


def undo(model: PreTrainedModel) -> None:
    """Undo the compilation of all parts."""
    for module in model.modules():
        module._compiled_call_impl = None
