"""How the current policy writes new responses to compare."""

from modeling.settings.declaring import LearningProgram, Number, Section, Setting, WholeNumber

SAMPLING: tuple[Setting, ...] = (
    WholeNumber(
        name="queue_target",
        section=Section.SAMPLING,
        label="Enough comparisons waiting",
        help="Nothing is sampled while this many comparisons are waiting.",
        default=200,
        low=0,
        high=1_000_000,
        is_first=True,
    ),
    WholeNumber(
        name="sample_prompts",
        section=Section.SAMPLING,
        label="Prompts for each sampling",
        help="How many prompts get new responses after each retraining.",
        default=50,
        low=1,
        high=1_000_000,
    ),
    WholeNumber(
        name="samples_per_prompt",
        section=Section.SAMPLING,
        label="Responses for each prompt",
        help="The two responses that tell most about the reward model are queued.",
        default=4,
        low=2,
        high=64,
    ),
    Number(
        name="temperature",
        section=Section.SAMPLING,
        label="Temperature",
        help="1 samples as the policy is; lower is safer and more alike.",
        default=1.0,
        low=0.01,
        high=5.0,
        # Not sample's: it also takes 0, the likeliest token each time, which no pair can come of.
        programs=(LearningProgram.TRAIN_POLICY,),
    ),
    Number(
        name="top_p",
        section=Section.SAMPLING,
        label="Top-p",
        help="1 keeps every token; 0.95 leaves out the least likely ones.",
        default=1.0,
        low=0.01,
        high=1.0,
        programs=(LearningProgram.SAMPLE,),
    ),
    WholeNumber(
        name="max_new_tokens",
        section=Section.SAMPLING,
        label="Longest response (tokens)",
        help="A response that reaches this is marked as cut off.",
        default=256,
        low=1,
        high=131_072,
        is_first=True,
        programs=(LearningProgram.SAMPLE, LearningProgram.TRAIN_POLICY),
    ),
)
