"""Columns that the importer does not know: which of them a file may not lose without a word.

A column whose name says that it holds an answer, what people or models thought of one, or a part of
the prompt stops the import, once for the whole file. What is plainly about a row (ids, times,
languages, where it is from) is left out and counted. In between, a row that would be a prompt alone
may not carry further texts: they are most likely its answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labeling.importing.lines import named_votes
from labeling.importing.lines.checking import ALWAYS, TRIPLE
from labeling.importing.lines.opinions import EXPORTED, is_line_of_export
from labeling.importing.lines.prompt_fields import PROMPT_FIELDS
from labeling.importing.reports import COLUMNS, Problem
from labeling.texts.messages import words_of

# What may stand beside a triple: an export's own columns, and counts of votes and answers.
BESIDE_TRIPLE = EXPORTED | {"responses", "votes"}
# Of a triple's columns, what says something of a pair: beside anything else it would be lost.
OF_PAIR = frozenset({"kind", "strength", "weight", "target", "chosen_model", "rejected_model"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Which of two is better, or how good one is: whatever stands beside it in a name.
SURELY = _words("""
    better worse best worst safer safest preferred dispreferred preferable chosen rejected winner
    winners loser losers winning losing selected accepted favored favoured favorite favourite
""")
OPINIONS = _words("""
    score scores scored scoring rating ratings rate rated rates rank ranks ranked ranking rankings
    ranker reward rewards preference preferences prefer prefers pref prefs label labels labeled
    labelled win wins won tie ties lose loses lost vote votes voted upvote upvotes downvote
    downvotes likes dislikes thumbs thumb stars star feedback feedbacks critique critiques critic
    judge judges judged judgment judgments judgement judgements verdict verdicts choice choices
    decision grade grades grading quality helpful helpfulness harmless harmlessness harmful honesty
    honest truthful truthfulness correct correctness incorrect coherence complexity verbosity
    accuracy relevance fluency faithfulness safe safety unsafe annotation
    annotations annotated evaluation evaluations evaluated eval evals rationale rationales agreement
    confidence overall strength margin delta likert elo probability prob probs logprob logprobs
    likelihood suggestion suggestions aspect aspects tier tiers opinion opinions comparison
    comparisons acceptance approval approved points karma assessment reason reasons
    explanation explanations justification justifications comment comments
""")
ANSWERS = _words("""
    answer answers ans response responses resp resps reply replies completion completions output
    outputs generation generations generated candidate candidates summary summaries solution
    solutions prediction predictions reference references ref refs assistant bot gold golden
    conversation conversations conv convs dialog dialogs dialogue dialogues chat message messages
    turns continuation continuations demonstration demonstrations rewrite rewrites rewritten
    revision revised correction corrected edit edited text texts content contents reasoning thinking
    thought thoughts cot trajectory trajectories rollout rollouts sample samples option options
    hypothesis hypotheses translation translations translated target targets positive positives
    negative negatives pos neg accept reject expected truth gpt chatgpt claude llama gemini
    mistral qwen deepseek tool tools function functions
""")
PROMPTS = _words("""
    prompt prompts question questions query queries instruction instructions input inputs context
    contexts history problem problems human prompter system sys persona principle principles
    constitution passage passages document documents article articles post request requests
""")
NO_TEXTS = _words("image images img picture pictures photo audio audios sound video videos")
TEXTS = ANSWERS | PROMPTS | NO_TEXTS
# A name that ends so is about the thing that it names.
ABOUT = _words("""
    id ids uuid uid guid key keys hash sha md5 idx index number no num nums count counts length
    lengths len tokens token chars characters words size url urls uri link links type types kind
    source sources origin dataset datasets name names title lang language languages locale time
    timestamp timestamps tstamp date datetime day year at utc created updated modified version
    versions category categories topic topics tag tags domain domains field subject split subset
    config order license fingerprint metadata meta info hashed ip
""")
HARMLESS = ABOUT | _words("""
    author authors username email difficulty level batch part page row line fold group cluster seed
    temperature country state region gender age anony redacted moderation turn natured
    session order worker annotator copyright format style status is has user file task
""")
# Of most rows every column is one of these, whatever it holds.
PLAIN = frozenset({"prompt", "responses", "model", "tags", "metadata"})
COUNTED = _words("length lengths len tokens token chars characters words size")
SIDES = frozenset({"a", "b", "0", "1", "2", "3", "4", "i", "j", "k", "x", "y", "left", "right"})
ADVICE = (
    "Understood are prompt, responses (text, model), or chosen and rejected, with "
    "tags, model, kind, target, strength, weight, chosen_model, rejected_model, annotator, system, "
    "tools and chat_template_kwargs: rename what is one of these, and take the rest out."
)
# So many lines are read on after the first, for the names of further columns.
READ_ON = 1_000
NAMED = 20


def not_understood(data: Mapping[str, Any]) -> Iterator[str]:
    """Yields the row's columns that must not be left out without a word."""
    if data.keys() <= PLAIN and not isinstance(data.get("prompt"), dict):
        return
    is_triple = any(data.get(name) is not None for name in ("chosen", "rejected"))
    is_alone = not is_triple and not _holds(data.get("responses"))
    known = ALWAYS | (TRIPLE if is_triple else {"responses"})
    if is_triple and named_votes.names_annotator(data):
        known = known | named_votes.FIELDS
        if is_line_of_export(data):
            known = known | named_votes.EXPORTED
    # Many files say the same thing twice, for another program: that loses nothing.
    said = [data.get(name) for name in ("prompt", "chosen", "rejected")]
    for name, value in data.items():
        if name in known or not _holds(value):
            continue
        if isinstance(value, str | list) and value in said:
            continue
        if is_triple and name in BESIDE_TRIPLE:
            continue
        if looks_like_content(name, value) or (is_alone and _is_prose(name, value)):
            yield name
    if isinstance(data.get("prompt"), dict) and "replies" in data["prompt"]:
        yield "prompt.replies"


def looks_like_content(name: str, value: Any) -> bool:
    """Whether the name or the value speaks of an answer, an opinion of one, or a part of the
    prompt."""
    words = words_of(name)
    if not words:
        return isinstance(value, str | list | dict)
    if words[-1] in COUNTED and isinstance(value, int | float):
        return False
    if not SURELY.isdisjoint(words) or name in OF_PAIR or name.lower() in PROMPT_FIELDS:
        return True
    if words[-1] in ABOUT and not _is_side(words):
        return False
    if not OPINIONS.isdisjoint(words):
        return True
    if not TEXTS.isdisjoint(words):
        return isinstance(value, str | list | dict)
    return _is_side(words) or _is_messages(value)


def _is_side(words: tuple[str, ...]) -> bool:
    """Whether the name is one of two things that are compared: model_a, response-1, A."""
    if SIDES.issuperset(words):
        return True
    own = frozenset({"model", "models", "text", "answer", "response", "choice"})
    if words in (("models",), ("model",)):
        return True
    return len(words) > 1 and words[-1] in SIDES and words[-2] in own


def _is_messages(value: Any) -> bool:
    """Whether the value is a list of messages as people write them, or one message."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return False
    return bool(first.keys() & {"role", "from", "content", "value", "text"})


def _is_prose(name: str, value: Any) -> bool:
    """Whether the value is two words or more under a name that is not plainly about the row."""
    if not HARMLESS.isdisjoint(words_of(name)):
        return False
    if isinstance(value, list):
        return any(_is_prose(name, inner) for inner in value[:NAMED])
    return isinstance(value, dict) or (isinstance(value, str) and len(value.split()) > 1)


def _holds(value: Any) -> bool:
    """Whether there is a value. Programs that write tables fill every row: null and nothing are
    none."""
    return value not in (None, "", [], {})


@dataclass
class UnknownColumns:
    """Collects the names of a file's columns that are not understood, for one sentence about
    them."""

    first_line: int = 0
    lines_since: int = 0
    names: dict[str, None] = field(default_factory=dict)

    def look(self, line: int, data: Mapping[str, Any]) -> bool:
        """Notes the row's unknown columns. True where there are none, so that the row may be read
        on."""
        names = list(not_understood(data))
        if names and not self.names:
            self.first_line = line
        self.names.update(dict.fromkeys(names))
        self.lines_since = line - self.first_line if self.names else 0
        return not names

    @property
    def has_read_enough(self) -> bool:
        return self.lines_since >= READ_ON

    def problems(self) -> list[Problem]:
        """One problem for the whole file, or none."""
        if not self.names:
            return []
        names = [f"{name:.60}" for name in self.names]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        problem = (
            f"Columns that are not understood would be lost, and look like answers, opinions of "
            f"answers or parts of the prompt: {', '.join(names[:NAMED])}{more}."
        )
        return [Problem(self.first_line, COLUMNS, problem, ADVICE)]
