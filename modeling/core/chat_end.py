"""Chat templates that end where a reward is read.

Plain sequence classifiers read the reward at a text's last token. Many templates write a newline
after the end token, or no end token at all; whoever renders with such a template (TRL's trainers
do) would read the reward one token too late. A saved reward model's template therefore ends in the
end token.
"""

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

SAMPLES = (
    [{"role": "user", "content": "Hello"}],
    [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": " Hi.\n"}],
)
AFTER = (
    "{%- if add_generation_prompt %}{{- rendered }}"
    "{%- elif rendered.rstrip().endswith(eos_token) %}{{- rendered.rstrip() }}"
    "{%- else %}{{- rendered }}{{- eos_token }}{%- endif %}"
)


def ending_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The tokenizer's chat template such that a text ends in the EOS token; as it is where it does
    so already, or where the change would not leave everything else alike."""
    template = tokenizer.chat_template
    if not isinstance(template, str) or ends_in_eos(tokenizer, template):
        return template
    ending = "{%- set rendered %}" + template + "{% endset %}" + AFTER
    return ending if renders_alike(tokenizer, template, ending) else template


def ends_in_eos(tokenizer: PreTrainedTokenizerBase, template: str) -> bool:
    return render(tokenizer, template, 1, False).endswith(str(tokenizer.eos_token))


def renders_alike(tokenizer: PreTrainedTokenizerBase, template: str, ending: str) -> bool:
    """Prompts to the letter; whole texts as text.render_text makes them end."""
    end = str(tokenizer.eos_token)
    try:
        prompt = render(tokenizer, template, 0, True) == render(tokenizer, ending, 0, True)
        whole = render(tokenizer, template, 1, False)
        ended = whole.rstrip() if whole.rstrip().endswith(end) else whole + end
        return prompt and render(tokenizer, ending, 1, False) == ended
    except TemplateError:
        return False


def render(
    tokenizer: PreTrainedTokenizerBase, template: str, sample: int, for_generation: bool
) -> str:
    return str(
        tokenizer.apply_chat_template(
            SAMPLES[sample],
            chat_template=template,
            tokenize=False,
            add_generation_prompt=for_generation,
        )
    )
