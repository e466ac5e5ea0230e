"""Preferences as pairs of tokens, for a policy to learn from."""

from modeling.core.policy.offline import TokenPair
from modeling.core.policy.task import Task
from modeling.core.policy.texts import render_written
from modeling.core.policy_models.batch import TokenText
from modeling.core.texts.equal_rows import are_equal, equal_pairs_warning
from modeling.core.texts.groups import PromptGroup
from modeling.core.texts.nothing_to_learn import nothing_to_learn
from modeling.core.texts.text import Encoded, encode_texts


def read_pairs(task: Task, groups: list[PromptGroup]) -> list[TokenPair]:
    """The train split's comparisons as token pairs: the prompt as sampling gives it, and the
    response with its end token, which the policy learns too.

    Pairs that are the same tokens are left out, and counted in the task's warnings. Raises
    ProgramError where DPO is left with nothing.
    """
    train = [group for group in groups if group.split == "train"]
    longest = task.config.max_length
    written = [text for group in train for text in group.texts()]
    flat = iter(encode_texts(task.actor.tokenizer, written, longest, render_written))
    pairs, equal, were_cut = list[TokenPair](), 0, 0
    for group in train:
        texts = [next(flat) for _ in group.responses]
        for c in group.comparisons:
            one, other = texts[c.i], texts[c.j]
            if are_equal(one, other):
                equal += 1
                were_cut += one.truncated or other.truncated
            else:
                pairs.append(TokenPair(as_text(one), as_text(other), c.target, c.weight))
    alike = equal_pairs_warning(equal, were_cut, len(pairs) + equal, longest)
    if alike is not None:
        task.remark(alike)
    if not pairs and task.config.algorithm == "dpo":
        raise nothing_to_learn(task.run.path / "preferences.jsonl", alike)
    return pairs


def as_text(encoded: Encoded) -> TokenText:
    """Divide a text's tokens into prompt and response."""
    ids, cut = encoded.ids, encoded.prompt_length
    return TokenText(tuple(ids[:cut]), tuple(ids[cut:]))
