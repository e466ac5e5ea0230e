"""Whether the policy learns from the reward model, how far it may go, and who decides about it."""

from modeling.settings.choices import Improvement, KlEstimator, PolicyAdapter, Promotion
from modeling.settings.declaring import (
    LearningProgram,
    Number,
    OneOf,
    Section,
    Setting,
    WholeNumber,
)

IMPROVEMENT: tuple[Setting, ...] = (
    OneOf(
        name="improvement",
        section=Section.IMPROVEMENT,
        label="How it is improved",
        help="Learning the best of n is the safest: it cannot go further than the best of what "
        "the policy already writes. RLOO and PPO go further and need watching. DPO needs no"
        " reward model, and learns only from what people have compared.",
        default=Improvement.OFF.value,
        choices=Improvement,
        is_first=True,
    ),
    WholeNumber(
        name="improve_after",
        section=Section.IMPROVEMENT,
        label="Improve after this many new preferences",
        help="Counted since the last improvement. A few hundred at least: a reward model that "
        "knows little is easily fooled. 0: after every retraining.",
        default=500,
        low=0,
        high=1_000_000,
        is_first=True,
    ),
    OneOf(
        name="promotion",
        section=Section.IMPROVEMENT,
        label="A new version takes over",
        help="In a blind comparison both versions answer the same prompts, and people judge the "
        "pairs among all others, without knowing. At once: only while the KL budget and the"
        " guard allow it; nobody is asked.",
        default=Promotion.BLIND.value,
        choices=Promotion,
        is_first=True,
    ),
    WholeNumber(
        name="comparison_size",
        section=Section.IMPROVEMENT,
        label="Blind comparisons at most",
        help="It ends sooner when people clearly prefer one. 100 mostly find a version that wins"
        " two times in three, 400 one that wins 60 %.",
        default=100,
        low=10,
        high=5000,
    ),
    Number(
        name="kl_coefficient",
        section=Section.IMPROVEMENT,
        label="Price of going away from the reference (KL coefficient)",
        help="0.05 to 0.3 is usual for PPO and RLOO; 0 lets the policy exploit every mistake of "
        "the reward model. In DPO it is beta.",
        default=0.1,
        low=0.0,
        high=100.0,
        programs=(LearningProgram.TRAIN_POLICY,),
    ),
    Number(
        name="kl_budget",
        section=Section.IMPROVEMENT,
        label="Never further from the reference than (nats)",
        help="The training stops there and keeps what it had before. The reference is the policy"
        " that improvement began with. 0: no limit.",
        default=10.0,
        low=0.0,
        high=10000.0,
        zero_is_none=True,
        is_first=True,
        programs=(LearningProgram.TRAIN_POLICY,),
    ),
    Number(
        name="kl_target",
        section=Section.IMPROVEMENT,
        label="Adapt that price to reach this distance (nats)",
        help="For PPO and RLOO: the price rises while the policy is further from the reference "
        "than this, and falls while it is nearer. Keep it below the limit. 0: the price "
        "stays.",
        default=0.0,
        low=0.0,
        high=10000.0,
        zero_is_none=True,
        programs=(LearningProgram.TRAIN_POLICY,),
    ),
    OneOf(
        name="kl_estimator",
        section=Section.IMPROVEMENT,
        label="How the distance is estimated",
        help="k1 is right for most projects. k3 varies less from response to response, but as a "
        "price it draws the policy to another place.",
        default=KlEstimator.K1.value,
        choices=KlEstimator,
        programs=(LearningProgram.TRAIN_POLICY,),
    ),
    WholeNumber(
        name="best_of",
        section=Section.IMPROVEMENT,
        label="Responses to choose the best from",
        help="More is better and slower, and goes further: n responses are at most log n nats.",
        default=16,
        low=2,
        high=256,
        programs=(LearningProgram.TRAIN_POLICY,),
    ),
    WholeNumber(
        name="improve_prompts",
        section=Section.IMPROVEMENT,
        label="Prompts it learns from",
        help="Drawn from the train split; the others stay for the comparison.",
        default=512,
        low=8,
        high=1_000_000,
    ),
    WholeNumber(
        name="improve_steps",
        section=Section.IMPROVEMENT,
        label="Updates (PPO and RLOO)",
        help="More is slower and goes further from the reference.",
        default=40,
        low=1,
        high=100_000,
        programs=(LearningProgram.TRAIN_POLICY,),
        key="steps",
    ),
    OneOf(
        name="improve_adapter",
        section=Section.IMPROVEMENT,
        label="What is trained of the policy",
        help="LoRA needs much less memory and suits large models; the result is merged into "
        "plain weights.",
        default=PolicyAdapter.NONE.value,
        choices=PolicyAdapter,
        programs=(LearningProgram.TRAIN_POLICY,),
        key="adapter",
    ),
)
