"""Whether a chat template writes what it is given: tried on made-up messages before any work.

Templates of models that see pictures take contents in parts and write nothing of a plain text;
others leave out what they do not expect. Every text would be the same, and a model that is trained
or scored on it would look sound.
"""

from transformers import PreTrainedTokenizerBase

from modeling.core.program.errors import ProgramError
from modeling.core.texts.text import Prompt, render_prompt, render_text

WORDS = ("Seventeen", "Oranges")  # two texts that no template takes for one another


def forms_of(question: str) -> tuple[Prompt, ...]:
    """Write a question as templates may want it: alone, or after a system message."""
    alone = ("user", question)
    return (alone,), (("system", "Be brief."), alone)


def sample_text(
    tokenizer: PreTrainedTokenizerBase, response: str, question: str = "Hello"
) -> str | None:
    """A made-up text with this response as the model reads it, in the first form that the template
    takes; None where it takes neither."""
    for prompt in forms_of(question):
        try:
            return render_text(tokenizer, prompt, response)
        except ProgramError:
            continue
    return None


def sample_prompt(tokenizer: PreTrainedTokenizerBase, question: str) -> str | None:
    """A made-up prompt as the policy reads it, in the first form that the template takes; None
    where it takes neither."""
    for prompt in forms_of(question):
        try:
            return render_prompt(tokenizer, prompt)
        except ProgramError:
            continue
    return None


def check_template(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Refuse a template that leaves out the response or the question. Raises ProgramError.

    A template that takes no made-up text passes: it may want texts of another form, and rendering
    the real ones says whether it takes these.
    """
    try:
        texts = {sample_text(tokenizer, word) for word in WORDS}
    except Exception as error:  # a foreign program is run here: whatever goes wrong in it
        raise _cannot_render(source, error) from error
    if len(texts) == 1 and None not in texts:
        raise _leaves_out(source, "response")
    check_prompt_template(tokenizer, source)


def check_prompt_template(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Refuse a template that leaves out the question, for a model that only writes."""
    try:
        prompts = {sample_prompt(tokenizer, word) for word in WORDS}
    except Exception as error:
        raise _cannot_render(source, error) from error
    if len(prompts) == 1 and None not in prompts:
        raise _leaves_out(source, "prompt")


HINT = (
    "It may want contents in parts, as models for pictures do. Use a model for text, or give its "
    "tokenizer a chat template that writes message['content']."
)


def _leaves_out(source: str, what: str) -> ProgramError:
    return ProgramError(
        f"The chat template of {source} leaves out the {what}: two different ones give the same "
        "text.",
        where=source,
        hint=HINT,
    )


def _cannot_render(source: str, error: Exception) -> ProgramError:
    return ProgramError(
        f"The chat template of {source} fails on plain messages: {type(error).__name__}: {error}",
        where=source,
        hint=HINT,
    )
