"""One reward model in memory, for callers that score a few texts at a time.

`score.py` is the program for many texts; this gives the same rewards without loading the model
anew. Not safe for several threads.
"""

from collections.abc import Sequence

import torch

from modeling.core.device import choose_device, choose_threads, move_to
from modeling.core.loading import load_classifier, load_tokenizer, refuse_missing
from modeling.core.reading import choose_batch_tokens, choose_reader
from modeling.core.text import Prompt, choose_max_length, complete_tokenizer, encode_texts


class Scorer:
    def __init__(self, source: str, *, device: str = "auto", threads: int | None = None) -> None:
        self.tokenizer = load_tokenizer(source)
        complete_tokenizer(self.tokenizer)
        model, new = load_classifier(source)
        refuse_missing(source, new)
        config = model.config.get_text_config()
        if config.pad_token_id is None:
            config.pad_token_id = self.tokenizer.pad_token_id
        torch.set_num_threads(choose_threads(threads, model.num_parameters()))
        self.device = choose_device(device)
        move_to(model.eval(), self.device)
        self.max_length = choose_max_length(None, self.tokenizer, model)
        self.reader = choose_reader(model, "auto", self.max_length)

    def score(self, texts: Sequence[tuple[Prompt, str]]) -> list[float]:
        """One reward per (prompt, response), in their order; a prompt is read once."""
        by_prompt: dict[Prompt, list[int]] = {}
        for at, (prompt, _) in enumerate(texts):
            by_prompt.setdefault(prompt, []).append(at)
        encoded = encode_texts(self.tokenizer, texts, self.max_length)
        groups = [[encoded[at] for at in which] for which in by_prompt.values()]
        budget = choose_batch_tokens(None, self.device)
        rewards = [0.0] * len(texts)
        for which, found in zip(by_prompt.values(), self.reader.score(groups, budget), strict=True):
            for at, reward in zip(which, found, strict=True):
                rewards[at] = reward
        return rewards
