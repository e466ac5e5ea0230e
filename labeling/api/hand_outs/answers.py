"""Reads an answer that another front end sends, by the rules of the page's form."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from labeling.judging.modes import FLAG, RANK, SKIP, VERDICTS, AnswerBar, read_answer
from labeling.judging.recording import Answer, AnswerTo
from labeling.models import Assignment, Judgment

# What the page's form and the queue call a field, where the API calls it otherwise.
API_NAMES = {"place": "places", "tiers": "places", "aspect": "aspects", "kind": "choice"}


class StrictSerializer(serializers.Serializer[Any]):
    """A JSON object. An unknown name is an error, so that nothing that was meant is lost."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = data.keys() - self.fields.keys() if isinstance(data, dict) else set()
        if unknown:
            problem = f"There is no such field. Known are: {', '.join(sorted(self.fields))}."
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), problem))
        return super().to_internal_value(data)


class SkipSerializer(StrictSerializer):
    rationale = serializers.CharField(
        required=False, allow_blank=True, help_text="Why, in your own words."
    )
    seconds = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="Reading time as your front end has measured it. From a day on, and below 0, it "
        "counts as not known.",
    )


class AnswerSerializer(SkipSerializer):
    choice = serializers.CharField(
        help_text="One of `choices` of the comparison, or of `flags`; `rank` where it asks for "
        "places."
    )
    places = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="With `rank`: the place of each response by its id, 1 the best.",
    )
    aspects = serializers.DictField(
        child=serializers.ChoiceField(choices=[value for value, _ in VERDICTS]),
        required=False,
        help_text="By the name of the aspect.",
    )
    reasons = serializers.ListField(child=serializers.CharField(), required=False)
    rewrite = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="A better response, where the project allows it.",
    )


def answer_to(given: Mapping[str, Any]) -> AnswerTo:
    """Reads what was given once the assignment is locked, and its order with it."""

    def read(assignment: Assignment) -> Answer:
        bar = AnswerBar(assignment.project, len(assignment.order))
        _check_asked(given, bar)
        answer = read_answer(_form_of(given, bar), assignment.project, assignment.order)
        if answer.kind not in Judgment.ANSWERS:
            _refuse(given, ("places", "aspects", "reasons", "rewrite"), "goes with an answer only")
        return answer

    return read


def skip_with(given: Mapping[str, Any]) -> AnswerTo:
    return answer_to({**given, "choice": SKIP})


def field_errors(problem: ValueError) -> dict[str, str]:
    """Names the field at fault as the API calls it: a refusal begins with the form's name of it."""
    name, _, sentence = str(problem).partition(": ")
    return {API_NAMES.get(name, name): sentence}


def _check_asked(given: Mapping[str, Any], bar: AnswerBar) -> None:
    """Refuses what the comparison does not ask for: the form's rules would leave it out."""
    unknown = sorted(given.get("places", {}).keys() - set(bar.letters))
    if unknown:
        raise ValueError(f"places: there is no response {unknown[0][:20]!r} here")
    unknown = sorted(given.get("aspects", {}).keys() - set(bar.aspects))
    if unknown:
        raise ValueError(f"aspects: {unknown[0][:60]!r} is not asked here")
    if given["choice"] != RANK:
        _refuse(given, ("places",), f"goes with the choice {RANK!r} only")
    # A skip and a flag may say why in any project.
    if not bar.has_reason and given["choice"] != SKIP and not given["choice"].startswith(FLAG):
        _refuse(given, ("reasons", "rationale"), "this project does not ask for it")
    if not bar.project.allow_rewrite:
        _refuse(given, ("rewrite",), "this project does not ask for it")


def _refuse(given: Mapping[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if given.get(name):
            raise ValueError(f"{name}: {why}")


def _form_of(given: Mapping[str, Any], bar: AnswerBar) -> QueryDict:
    """The same answer as the page's form sends it."""
    form = QueryDict(mutable=True)
    for name in ("choice", "rationale", "rewrite"):
        form[name] = given.get(name, "")
    form.setlist("reasons", given.get("reasons", []))
    for letter, place in given.get("places", {}).items():
        form[f"place-{letter}"] = str(place)
    for number, aspect in enumerate(bar.aspects):
        form[f"aspect-{number}"] = given.get("aspects", {}).get(aspect, "")
    seconds = given.get("seconds")
    form["seconds"] = "" if seconds is None else str(seconds)
    return form
