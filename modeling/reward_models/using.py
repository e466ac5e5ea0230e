"""The lines that load a reward model elsewhere, for its page and its card. A test runs them."""

from django.conf import settings

from modeling.models import RewardModel

TRANSFORMERS = """import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder = "{folder}"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()

messages = [
    {{"role": "user", "content": "How do I keep basil fresh?"}},
    {{"role": "assistant", "content": "Stand it in a glass of water, like flowers."}},
]
text = tokenizer.apply_chat_template(messages, tokenize=False)
end = tokenizer.eos_token  # the reward is read there
text = text.rstrip() if text.rstrip().endswith(end) else text + end
inputs = tokenizer(text, add_special_tokens=False, return_tensors="pt")
with torch.no_grad():
    reward = model(**inputs).logits[0, 0].item()
print(reward)"""

TRL = """from trl import GRPOTrainer

trainer = GRPOTrainer(
    model="your-policy",
    reward_funcs="{folder}",
    train_dataset=prompts,  # with a column "prompt" of messages
)"""

VLLM = """vllm serve {folder} --runner pooling --pooler-config '{{"use_activation": false}}'
curl -X POST http://localhost:8000/classify -H "Content-Type: application/json" \\
  -d '{{"model": "{folder}", "input": "the text, written with the chat template as above"}}\'"""

SCORER = """from modeling.core.loading.scorer import Scorer  # run it in Preferable's folder

scorer = Scorer({folders})
prompt = (("user", "How do I keep basil fresh?"),)
rewards = scorer.score([(prompt, "Stand it in a glass of water, like flowers.")])
print(rewards[0])"""

SCORER_IN_TRL = """from trl import GRPOTrainer
from modeling.core.loading.scorer import Scorer  # run it in Preferable's folder

scorer = Scorer({folders})


def reward(prompts, completions, **_):
    return scorer.score(
        [
            (tuple((turn["role"], turn["content"]) for turn in prompt), completion[0]["content"])
            for prompt, completion in zip(prompts, completions)
        ]
    )


trainer = GRPOTrainer(
    model="your-policy",
    reward_funcs=reward,
    train_dataset=prompts,  # with a column "prompt" of messages
)"""


def uses_of(*, folder: str, members: list[str], is_plain: bool) -> list[tuple[str, str, str]]:
    """Lists (short name, title, lines) of every way to load the model. `members` are all folders,
    `folder` is the first of them."""
    folders = repr(members) if len(members) > 1 else repr(folder)
    own = ("scorer", "With Preferable's own loader", SCORER.format(folders=folders))
    own_trl = ("trl", "As the reward of a TRL trainer", SCORER_IN_TRL.format(folders=folders))
    if not is_plain:
        return [own, own_trl]
    plain = [
        ("transformers", "In transformers", TRANSFORMERS.format(folder=folder)),
        ("trl", "As the reward of a TRL trainer", TRL.format(folder=folder)),
        ("vllm", "In vLLM", VLLM.format(folder=folder)),
    ]
    return [*plain, own] if len(members) > 1 else plain


def uses_on_page(model: RewardModel) -> list[tuple[str, str, str]]:
    """The ways with folders as they lie in DATA_DIR. Only the operator knows where that is."""
    paths = [path.relative_to(settings.DATA_DIR).as_posix() for path in model.member_paths]
    return uses_of(folder=paths[0], members=paths, is_plain=not model.why_not_plain)


def uses_on_card(model: RewardModel) -> list[tuple[str, str, str]]:
    """The ways with folders as they lie in the download: the card's own, with the others in
    members/."""
    members = [".", *(f"members/{at}" for at in range(1, len(model.member_paths)))]
    return uses_of(folder=".", members=members, is_plain=not model.why_not_plain)
