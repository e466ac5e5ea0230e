"""UltraFeedback: raw, with several rated answers to an instruction, and made into pairs."""

from collections.abc import Iterator, Mapping, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import (
    Answer,
    number,
    objects_in,
    ranked,
    required,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns


def _fits(data: Data) -> bool:
    completions = data["completions"]
    if not isinstance(completions, list):
        return False
    return not completions or (isinstance(completions[0], dict) and "response" in completions[0])


def _raw(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    answers = []
    for index, one in enumerate(objects_in(data["completions"], "completions")):
        where = f"completions[{index}]"
        score = _score(one, where)
        rank = None if score is None else -score
        text, about = required(one, "response", where), without(one, "response", "model")
        answers.append(Answer(text, one.get("model"), rank, about))
    yield from ranked(data["instruction"], answers, tell)


def _score(completion: Mapping[str, object], where: str) -> float | None:
    for name in ("overall_score", "fine-grained_score"):
        if completion.get(name) is not None:
            return number(completion[name], f"{where}.{name}")
    return None


def _argilla(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """Under whichever names the two columns of a thing go."""
    (data,) = records
    names = {
        "prompt": ("prompt", "instruction"),
        "chosen": ("chosen", "chosen_response"),
        "rejected": ("rejected", "rejected_response"),
        "chosen_model": ("chosen-model", "chosen_model"),
        "rejected_model": ("rejected-model", "rejected_model"),
        "chosen_rating": ("chosen-rating", "chosen_rating", "chosen_avg_rating", "rating_chosen"),
        "rejected_rating": (
            "rejected-rating",
            "rejected_rating",
            "rejected_avg_rating",
            "rating_rejected",
        ),
    }
    row = {}
    for name, given in names.items():
        value = next((data[one] for one in given if one in data), None)
        if value is not None:
            row[name] = number(value, name) if name.endswith("_rating") else value
    yield row


BINARIZED = columns("prompt chosen rejected score_chosen score_rejected")
PAIRED = "chosen is better than rejected, equal ratings are a tie"

SOURCES = (
    Source(
        name="UltraFeedback, raw",
        meaning="every two of the completions are a preference for the one with the higher "
        "overall_score, equal scores are a tie",
        needs=columns("instruction completions"),
        uses=columns("models correct_answers incorrect_answers"),
        fits=_fits,
        rows=_raw,
    ),
    Source(
        name="UltraFeedback, binarized",
        meaning=PAIRED,
        needs=columns("prompt chosen rejected messages score_chosen score_rejected"),
        uses=columns("prompt_id"),
        keeps=columns("prompt_id"),
        rows=lambda records, _: [
            {name: value for name, value in records[0].items() if name in BINARIZED}
        ],
    ),
    Source(
        name="UltraFeedback, cleaned by Argilla",
        meaning=PAIRED,
        needs=columns("prompt chosen rejected chosen-rating rejected-rating"),
        uses=columns("source chosen-model rejected-model"),
        keeps=columns("source"),
        rows=_argilla,
    ),
    Source(
        name="UltraFeedback, binarized by Argilla",
        meaning=PAIRED,
        needs=columns("instruction chosen_response rejected_response"),
        uses=columns("source chosen_avg_rating rejected_avg_rating chosen_model rejected_model"),
        keeps=columns("source"),
        rows=_argilla,
    ),
    Source(
        name="Capybara DPO, by distilabel",
        meaning=PAIRED,
        needs=columns("prompt chosen rejected rating_chosen rating_rejected"),
        uses=columns(
            "source conversation original_response generation_prompt raw_generation_responses "
            "new_generations chosen_model rejected_model"
        ),
        rows=_argilla,
    ),
)
