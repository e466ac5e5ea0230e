"""Chat templates that end where a reward is read.

Plain sequence classifiers read the reward at a text's last token. Many templates write a newline
after the end token, or no end token at all; whoever renders with such a template (TRL's trainers
do) would read the reward one token too late. A saved reward model's template therefore ends in the
end token.
"""

from jinja2 import TemplateError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.texts.template_check import sample_text

Form = list[dict[str, str]]  # messages

QUESTION = {"role": "user", "content": "Hello"}
# What templates may want a conversation to begin with: a question, or a system message before it.
FORMS = ([QUESTION], [{"role": "system", "content": "Be brief."}, QUESTION])
ANSWER = {"role": "assistant", "content": " Hi.\n"}
AFTER = (
    "{%- if add_generation_prompt %}{{- rendered }}"
    "{%- elif rendered.rstrip().endswith(eos_token) %}{{- rendered.rstrip() }}"
    "{%- else %}{{- rendered }}{{- eos_token }}{%- endif %}"
)


def ending_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Change the tokenizer's chat template so that a text ends in the EOS token.

    Returns it unchanged in three cases: a text ends so already, the change would alter anything
    else, or the template takes none of the conversations that it is tried on.
    """
    template = tokenizer.chat_template
    if not isinstance(template, str):
        return template
    for form in FORMS:
        try:
            if ends_in_eos(tokenizer, template, form):
                return template
            ending = "{%- set rendered %}" + template + "{% endset %}" + AFTER
            return ending if renders_alike(tokenizer, template, ending, form) else template
        except TemplateError:
            continue
    return template


def ends_in_eos(tokenizer: PreTrainedTokenizerBase, template: str, form: Form) -> bool:
    """Whether a whole text of this form ends in the EOS, to the last character."""
    whole = render(tokenizer, template, [*form, ANSWER], False)
    return whole.endswith(str(tokenizer.eos_token))


def renders_alike(
    tokenizer: PreTrainedTokenizerBase, template: str, ending: str, form: Form
) -> bool:
    """Whether both templates write the same: prompts to the letter, and of whole texts the changed
    template what text.render_text makes of the given one."""
    end = str(tokenizer.eos_token)
    prompt = render(tokenizer, template, form, True) == render(tokenizer, ending, form, True)
    whole = render(tokenizer, template, [*form, ANSWER], False)
    ended = whole.rstrip() if whole.rstrip().endswith(end) else whole + end
    return prompt and render(tokenizer, ending, [*form, ANSWER], False) == ended


def render(
    tokenizer: PreTrainedTokenizerBase, template: str, messages: Form, for_generation: bool
) -> str:
    """Render by `template` instead of the tokenizer's own."""
    return str(
        tokenizer.apply_chat_template(
            messages,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=for_generation,
        )
    )


def find_stop_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Collect the tokens that end a response: the EOS of tokenizer and generation config, and the
    token with which the chat template ends an assistant's turn. Some checkpoints do not declare
    that last one (`<|im_end|>` and its like), and a policy would write on behind its answer."""
    stop = {tokenizer.eos_token_id}
    config = model.generation_config
    declared = config.eos_token_id if config is not None else None
    stop |= set(declared) if isinstance(declared, list) else {declared}
    tail = (sample_text(tokenizer, "mark") or "").rpartition("mark")[2]
    ending = tokenizer(tail.lstrip(), add_special_tokens=False)["input_ids"]
    # Only a special token of its own: an ordinary word behind the answer is no sign of its end.
    if ending and ending[0] in tokenizer.added_tokens_decoder:
        stop.add(ending[0])
    return frozenset(token for token in stop if isinstance(token, int))
