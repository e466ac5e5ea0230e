"""What a reward model scores on its snapshot, as the hub reads it beside a model card:
`.eval_results/*.yaml`, which names the dataset that the snapshot was pushed to."""

import yaml

from labeling.models import SnapshotPush
from modeling.models import RewardModel
from modeling.reward_models.accuracy import Accuracy, accuracy_of

FILE_NAME = ".eval_results/preferable.yaml"


def eval_results_of(model: RewardModel) -> str:
    """The text of the file; empty where there is nothing to say: nothing was held out, or the
    snapshot is on no hub, and a result without a dataset is none that the hub takes."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    accuracy = accuracy_of(model)
    push = pushed(model)
    if accuracy is None or push is None:
        return ""
    entry = EvalResultEntry(
        dataset_id=push.repo_id,
        task_id=f"{accuracy.split}_accuracy",
        value=round(accuracy.value, 6),
        dataset_revision=push.commit,
        date=f"{model.created_at:%Y-%m-%d}",
        source_url=f"{push.url}/tree/{push.commit}",
        source_name="Preferable",
        notes=_notes(accuracy),
    )
    return str(yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False))


def pushed(model: RewardModel) -> SnapshotPush | None:
    """The newest push of its snapshot that the hub has."""
    done = SnapshotPush.objects.filter(of=model.snapshot_id, state=SnapshotPush.State.DONE)
    return done.order_by("-id").first()


def write_eval_results(model: RewardModel) -> None:
    """Writes the file into the model's folder, or removes one that no longer holds."""
    path = model.path / FILE_NAME
    text = eval_results_of(model)
    if text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def _notes(accuracy: Accuracy) -> str:
    interval = ""
    if accuracy.low is not None and accuracy.high is not None:
        interval = f", 95 % interval {accuracy.low:.4f} to {accuracy.high:.4f}"
    return (
        f"Share of the {accuracy.n} comparisons of the {accuracy.split} split that it orders as "
        f"people did{interval}"
    )
