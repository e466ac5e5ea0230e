"""The demo world in one import: its questions, a writer of responses, and the oracle.

    question = random.choice(questions())
    text = respond(question, random.Random(0))
    score(question.messages, text)

Pure Python and quick to import; the tiny policy that has learned this world is in `policy/`.
"""

from modeling.demo.world.oracle import (
    Verdict,
    explain,
    find_question,
    is_fluent,
    oracle_prefers,
    score,
    vocabulary,
)
from modeling.demo.world.questions import Message, Question, questions
from modeling.demo.world.responses import Traits, draw_traits, respond, respond_distinctly

__all__ = [
    "Message",
    "Question",
    "Traits",
    "Verdict",
    "draw_traits",
    "explain",
    "find_question",
    "is_fluent",
    "oracle_prefers",
    "questions",
    "respond",
    "respond_distinctly",
    "score",
    "vocabulary",
]
