"""Settings and result of `sample`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modeling.run_data import shared
from modeling.run_data.config import FILE, ConfigRefused, RunConfig
from modeling.run_data.declared import declared
from modeling.run_data.limits import TEXT, Limit, is_text, number, or_null, whole
from modeling.run_data.result import ONLY_IF_KNOWN, RunResult, earlier
from modeling.settings.declaring import LearningProgram

# Far beyond what is of use; a slip of the keyboard must not cost a night, or somebody's bill.
MOST_PER_PROMPT, HOTTEST = 10_000, 100.0


def is_named(value: Any) -> bool:
    """Whether it is {"name": "location", …} with two names at least."""
    return (
        isinstance(value, dict)
        and len(value) > 1
        and all(is_text(text) for pair in value.items() for text in pair)
    )


LIMITS: dict[str, Limit] = (
    shared.LIMITS
    | declared(LearningProgram.SAMPLE)
    | {
        "policy": or_null(TEXT),
        "policies": or_null(Limit('two models or more as {"name": model, …}', is_named)),
        "n": whole(most=MOST_PER_PROMPT),
        "temperature": number(least=0, most=HOTTEST),
        "seed": whole(0),
        "batch_tokens": whole(),
    }
)


@dataclass(frozen=True, kw_only=True)
class SampleConfig(RunConfig):
    limits: ClassVar[Mapping[str, Limit]] = LIMITS

    policy: str | None = None  # a folder, a Hub id or the address of a server
    policies: dict[str, str] | None = None  # or several: {"name": the same, …}; n responses of each
    n: int = 2  # responses per prompt
    temperature: float = 1.0  # 0: the most likely token each time
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0
    batch_tokens: int = 16384  # tokens held in the cache at once
    smaller_passes: bool = False  # half of that, after memory ran out
    max_length: int | None = None  # prompt and response together; None: the model's, at most 2,048
    template_date: str = shared.DEFAULT_DATE  # what a chat template prints as today's date
    device: str = "auto"
    threads: int | None = None

    def check_together(self) -> None:
        if (self.policy is None) == (self.policies is None):
            raise ConfigRefused(
                "config.json needs either 'policy' or 'policies'.",
                where=f"{FILE}: policy, policies",
                hint='Name one model, or several as {"name": model, …}.',
            )

    @property
    def sources(self) -> dict[str, str]:
        """Maps each name to its location. A single policy goes by its location."""
        return self.policies or {str(self.policy): str(self.policy)}


@dataclass(frozen=True, kw_only=True)
class SampleResult(RunResult):
    count: int = field(metadata=earlier(0))  # responses
    finished_share: float | None  # not cut off by `max_new_tokens`; None: no response
    tokens: int = field(metadata=earlier(0))
    missing: int = field(metadata=earlier(0))  # asked for and not got
    truncated: int = field(metadata=earlier(0))  # prompts
    left_out: list[dict[str, Any]] = field(metadata=earlier([]))  # {"policy", "line", "id", …}
    # Of each of several policies.
    policies: dict[str, dict[str, Any]] | None = field(default=None, metadata=ONLY_IF_KNOWN)
