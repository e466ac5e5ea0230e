"""Preferences as a policy would have written them: what it is given, then what it writes.

Many templates of reasoning models begin the answer themselves: the prompt ends in `<think>`, and a
finished answer is rendered without it. A policy that learns from the rendered answer learns to
continue a prompt that it is never given. Here the text goes on from the very prompt that sampling
gives.
"""

from transformers import PreTrainedTokenizerBase

from modeling.core.messages import Response
from modeling.core.texts.template_check import WORDS
from modeling.core.texts.text import Prompt, common_prefix, render_prompt, render_text


def render_written(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, response: Response) -> str:
    """Render prompt and response as one text that begins with the prompt as sampling gives it, and
    ends as the template ends an answer, with the EOS.

    Where the template begins the answer with words that the rendered answer lacks, the response
    stands behind them as it is, less a repetition of these words.
    """
    given = render_prompt(tokenizer, prompt)
    whole = render_text(tokenizer, prompt, response)
    if whole.startswith(given) or not isinstance(response, str):
        return whole
    samples = [render_text(tokenizer, prompt, word) for word in WORDS]
    # What rendered answers have in common with the prompt ends where the answer's own words begin.
    heading = min(common_prefix(given, sample) for sample in samples)
    begun = given[heading:].strip()  # the answer's first words
    ending = samples[0].rpartition(WORDS[0])[2]
    if not begun:
        return whole  # white space alone
    written = response.strip()
    return given + written.removeprefix(begun).lstrip() + ending
