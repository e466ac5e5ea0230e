"""What goes out of the house with a reward model: its card, README.md in its folder, so that it
explains itself anywhere; and its folders as an archive."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from labeling.texts.shown_paths import without_paths
from modeling.models import RewardModel
from modeling.reward_models.accuracy import Accuracy, accuracy_of
from modeling.reward_models.eval_results import FILE_NAME, eval_results_of, write_eval_results
from modeling.reward_models.using import uses_on_card
from modeling.run_data.stored import Evaluation
from modeling.runs.archive import FolderArchive


def write_card(model: RewardModel) -> None:
    """Writes the card into the model's folder, and its results for the hub beside it; a later call
    writes both anew."""
    if model.path.is_dir():
        (model.path / "README.md").write_text(card_of(model), encoding="utf-8")
        write_eval_results(model)


def archive_of(model: RewardModel) -> tuple[str, FolderArchive]:
    """The folders of the model and its members as a tar, with the name of what it unpacks to."""
    name = f"{model.project.slug}-reward-model-v{model.version}"
    own, *others = model.member_paths
    folders = {name: own} | {f"{name}/members/{at}": path for at, path in enumerate(others, 1)}
    # Made now: the snapshot may have been pushed to the hub since the model was trained.
    results = eval_results_of(model)
    texts = {f"{name}/{FILE_NAME}": results} if results else {}
    return name, FolderArchive(folders, f"{name}.sha256", texts)


def card_of(model: RewardModel) -> str:
    figures = model.figures
    accuracy = accuracy_of(model)
    parts = [
        _front_matter(model),
        f"# Reward model v{model.version} of {model.project.name}",
        "Gives a response to a prompt one number, its reward: higher is better. Only differences "
        "between responses to the same prompt mean something. Made with Preferable.",
        "## How good it is",
        _against_chance(accuracy),
        *_accuracy(figures.evaluation, accuracy),
        "## Calibration",
        _calibration(figures.evaluation),
        "## What it was made from",
        "\n".join(
            [
                f"- base model: `{_base_name(model.base_model)}`",
                f"- preferences: {model.snapshot.count:,} (snapshot `{model.snapshot.sha256}`)",
                f"- run {model.run_id}, seed {model.run.seed}, code `{model.run.code_version}`",
                f"- made {model.created_at:%Y-%m-%d %H:%M} UTC",
            ]
        )
        + _made_with(model),
        "## How to use it",
        *_uses(model),
        "## What it is not",
        "It has learned what the labelers of one project preferred in the texts they saw. It is no "
        "judge of truth, and a policy that is optimised against it will find its mistakes: watch "
        "the KL to the reference policy and ask people again.",
        *_warnings(figures.warnings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _uses(model: RewardModel) -> list[str]:
    parts = [model.why_not_plain]
    if model.member_count > 1:
        parts.append(
            f"It is an ensemble of {model.member_count}: the reward is the mean of their rewards "
            "on one scale, and how far they are apart says how sure it is."
        )
    for name, title, lines in uses_on_card(model):
        kind = "sh" if name == "vllm" else "python"
        parts.append(f"{title}:\n\n```{kind}\n{lines}\n```")
    return parts


def _made_with(model: RewardModel) -> str:
    """Says how the model was trained, where that is not the ordinary way."""
    config = model.figures.config
    details = {
        "method": config.get("method", "finetune") != "finetune" and "a head on frozen features",
        "adapter": config.get("adapter", "none") != "none" and f"{config['adapter']}, merged",
        "pooling": config.get("pooling", "last") != "last" and "mean over the response",
    }
    return "".join(f"\n- {name}: {words}" for name, words in details.items() if words)


def _base_name(location: str) -> str:
    """Names the base model without the path of the machine on which it was trained."""
    return Path(location).name if location.startswith(("/", "~", ".")) else without_paths(location)


def _front_matter(model: RewardModel) -> str:
    name = _base_name(model.base_model)
    return (
        f"---\nlibrary_name: transformers\npipeline_tag: text-classification\nbase_model: {name}\n"
        "tags:\n- reward-model\n- preferable\n---"
    )


def _figure(name: str, figure: dict[str, Any] | None) -> str:
    if not figure:
        return ""
    low, high = figure.get("low"), figure.get("high")
    between = "not measured" if low is None or high is None else f"{low:.1%} to {high:.1%}"
    return f"| {name} | {figure['value']:.1%} | {between} | {figure['n']:.0f} |"


def _against_chance(accuracy: Accuracy | None) -> str:
    """Warns first of all where nothing says that the model is any good."""
    if accuracy is None or accuracy.is_above_chance:
        return ""
    return (
        f"**{accuracy.value:.1%} right on {accuracy.n:,} {accuracy.split} comparisons: "
        f"{accuracy.chance_words}.**"
    )


def _accuracy(evaluation: Evaluation, accuracy: Accuracy | None) -> list[str]:
    split = evaluation.split or (accuracy.split if accuracy else "")
    measured = evaluation.accuracy or (asdict(accuracy) if accuracy else None)
    length = evaluation.length
    rows = [
        _figure(f"accuracy on the {split} split", measured),
        _figure("random pairs of the newest round", evaluation.newest),
        _figure("where the longer response lost", length.get("longer_lost")),
        _figure("“the longer one is better”, for comparison", length.get("longer_wins")),
        *(
            _figure(f"strength: {row['name']}", row)
            for row in evaluation.slices.get("strength", [])
            if row["name"] != "not given"
        ),
    ]
    table = [row for row in rows if row]
    if not table:
        return ["Nothing was held out, so nobody knows."]
    head = "| | share | 95 % interval | comparisons |\n|---|---|---|---|"
    agreement = evaluation.agreement
    sentences = ""
    if agreement:
        sentences = (
            f"Two labelers who judge the same comparison say the same in {agreement['value']:.1%} "
            f"({agreement['n']:.0f} comparisons judged by several)."
        )
    correlation = length.get("correlation")
    if correlation is not None:
        sentences += f" The reward's correlation with length is {correlation:+.2f}."
    return ["\n".join([head, *table]), sentences.strip()]


def _calibration(evaluation: Evaluation) -> str:
    calibration = evaluation.calibration
    if not calibration:
        return "Not measured."
    if "refused" in calibration:
        return str(calibration["refused"])
    before, after = calibration["before"], calibration["after"]
    return (
        "P(A preferred to B) = sigmoid((reward of A - reward of B) / "
        f"{calibration['temperature']:.3f}). With that temperature, fitted on "
        f"{calibration['fitted_n']} {calibration['fitted_on']} comparisons: "
        f"ECE {after['ece']:.3f} (before {before['ece']:.3f}), Brier score {after['brier']:.3f} "
        f"({before['brier']:.3f}), log-loss {after['nll']:.3f} ({before['nll']:.3f})."
    )


def _warnings(warnings: list[str]) -> list[str]:
    warnings = [without_paths(str(warning)) for warning in warnings]
    return (
        ["## Warnings of its training", "\n".join(f"- {w}" for w in warnings)] if warnings else []
    )
