"""The settings of a project in words: in which group each stands, its name, its explanation."""

from labeling.pages.mode_forms import MODE_FIELDS, MODE_HELP, MODE_LABELS

# Settings of a group that few change: folded up below the others.
FOLDED = {
    "Learning": (
        "More about training",
        (
            "reward_learning_rate",
            "reward_epochs",
            "reward_batch_size",
            "reward_max_length",
            "reward_strength_margin",
            "reward_label_smoothing",
            "reward_ties",
            "reward_rankings",
            "reward_centering",
        ),
    )
}

# Every setting belongs to one group; a test fails when a new setting has none.
GROUPS = (
    ("About", "What people see in their list of projects.", ("name", "description")),
    (
        "Judging",
        "What labelers are asked, and which answers they can give.",
        (*MODE_FIELDS, "overlap"),
    ),
    (
        "Handing out",
        "Who gets which comparison, and for how long.",
        (
            "is_paused",
            "selection",
            "random_share",
            "selection_patience",
            "lease_seconds",
            "correction_minutes",
        ),
    ),
    (
        "Quality control",
        "How answers are checked without disturbing anybody. The gold itself is on the page "
        "Quality control.",
        (
            "gold_share",
            "gold_mark",
            "gold_minimum",
            "repeat_share",
            "repeat_after_hours",
            "min_seconds",
            "qualification_items",
            "qualification_mark",
        ),
    ),
    (
        "Adaptive overlap",
        "Spends judgments where people disagree.",
        ("adaptive_overlap", "adaptive_confidence", "overlap_cap"),
    ),
    (
        "Learning",
        "When the reward model is retrained, from what, and how.",
        (
            "loop_enabled",
            "retrain_after",
            "retrain_every_hours",
            "base_model",
            "reward_method",
            "reward_adapter",
            "reward_pooling",
            "reward_heads",
            "reward_members",
            "reward_bootstrap",
            "aggregate",
            "uwo_weight",
            "learning_curve",
        ),
    ),
    (
        "Improving the policy",
        "Whether the policy learns from the reward model, how far it may go, and who decides that "
        "a new version takes over.",
        (
            "improvement",
            "improve_after",
            "promotion",
            "comparison_size",
            "kl_coefficient",
            "kl_budget",
            "kl_target",
            "kl_estimator",
            "best_of",
            "improve_prompts",
            "improve_steps",
            "improve_adapter",
        ),
    ),
    (
        "Sampling",
        "How the current policy writes new responses to compare.",
        (
            "queue_target",
            "sample_prompts",
            "samples_per_prompt",
            "temperature",
            "top_p",
            "max_new_tokens",
        ),
    ),
)

LABELS = MODE_LABELS | {
    "overlap": "Judgments for each comparison",
    "is_paused": "Pause the project",
    "selection": "What comes first",
    "random_share": "Handed out at random (%)",
    "selection_patience": "Give up choosing after (reward models)",
    "lease_seconds": "Keep a comparison for (seconds)",
    "correction_minutes": "Answers can be corrected for (minutes)",
    "gold_share": "Gold among what is handed out (%)",
    "gold_mark": "Pause below this share of right gold answers (%)",
    "gold_minimum": "Gold answers that decide",
    "repeat_share": "Answers asked for again (%)",
    "repeat_after_hours": "Asked again after (hours)",
    "min_seconds": "Minimum reading time (seconds)",
    "qualification_items": "Gold comparisons in the first round",
    "qualification_mark": "Right answers to pass the first round (%)",
    "adaptive_overlap": "Ask fewer or more people, by how sure the answer is",
    "adaptive_confidence": "Sure enough (%)",
    "overlap_cap": "Never more judgments than",
    "loop_enabled": "Retrain and sample without being asked",
    "retrain_after": "Retrain after this many new preferences",
    "base_model": "Reward models start from",
    "reward_method": "How it is trained",
    "reward_adapter": "What is trained of the model",
    "reward_pooling": "Where the reward is read",
    "reward_heads": "Heads on one model",
    "reward_members": "Models in the ensemble",
    "reward_bootstrap": "Each model of the ensemble leaves some prompts out",
    "aggregate": "The reward of several heads or models",
    "uwo_weight": "Penalty for disagreement",
    "learning_curve": "Show how accuracy grows with the data",
    "reward_learning_rate": "Learning rate",
    "reward_epochs": "Epochs at most",
    "reward_batch_size": "Comparisons in a batch",
    "reward_max_length": "Longest text (tokens)",
    "reward_strength_margin": "Margin for each step of strength",
    "reward_label_smoothing": "Judgments taken to be wrong (%)",
    "reward_ties": "Ties count",
    "reward_rankings": "Rankings count",
    "reward_centering": "Keep rewards around zero",
    "retrain_every_hours": "Retrain at the latest after (hours)",
    "improvement": "How it is improved",
    "improve_after": "Improve after this many new preferences",
    "promotion": "A new version takes over",
    "comparison_size": "Blind comparisons at most",
    "kl_coefficient": "Price of going away from the reference (KL coefficient)",
    "kl_target": "Adapt that price to reach this distance (nats)",
    "kl_estimator": "How the distance is estimated",
    "kl_budget": "Never further from the reference than (nats)",
    "best_of": "Responses to choose the best from",
    "improve_prompts": "Prompts it learns from",
    "improve_steps": "Updates (PPO and RLOO)",
    "improve_adapter": "What is trained of the policy",
    "queue_target": "Enough comparisons waiting",
    "sample_prompts": "Prompts for each sampling",
    "samples_per_prompt": "Responses for each prompt",
    "top_p": "Top-p",
    "max_new_tokens": "Longest response (tokens)",
}

HELP = MODE_HELP | {
    "description": "One sentence about what this project is for.",
    "overlap": "By how many different people each comparison is judged. Comparisons that are "
    "still open follow a change; finished ones stay as they are. With 2 or more, the project "
    "shows how often people agree.",
    "is_paused": "Nobody gets comparisons until you turn this off. Nothing is lost.",
    "selection": "Uncertainty asks for what is closest to a coin toss. Disagreement asks for what "
    "the model could learn most from, and likes the unusual. Thompson sampling asks where models "
    "that fit the judgments so far pick different winners. Best against worst gives clear lessons "
    "to a policy, and few to a reward model. The page Selection shows what it gains.",
    "random_share": "The rest goes by the line above. The random part is the honest test of the "
    "reward model and of the choosing; 20 % is a good start.",
    "selection_patience": "When chosen judgments have taught no more than random ones for so many "
    "reward models in a row, everything is handed out at random, and the page Selection says so. "
    "0: never.",
    "lease_seconds": "When somebody stops in the middle, their comparison goes to the next "
    "person after this time.",
    "correction_minutes": "Labelers see their last 100 answers and can change one for so long. "
    "The first answer is kept, superseded. 0: never.",
    "gold_share": "Gold looks like any comparison. Each person sees a gold comparison once; its "
    "answers are never learnt from. At most 50.",
    "gold_mark": "The person reads that a curator will look at it; you resume or remove them on "
    "the page Quality control. 0: nobody is paused.",
    "gold_minimum": "The last so many gold answers of a person decide, never fewer.",
    "repeat_share": "The same comparison later, sides swapped: shows how steady a person is and "
    "whether they favour a side. It does not count as a judgment. At most 50.",
    "repeat_after_hours": "24 asks again a day later.",
    "min_seconds": "A faster answer is kept and gets a quiet remark. 0: no remark.",
    "qualification_items": "New labelers judge so many gold comparisons first and see after each "
    "what was expected. 0: no first round. Needs at least as much gold.",
    "qualification_mark": "Who stays below is paused, and you decide how to go on.",
    "adaptive_overlap": "Begins with the judgments for each comparison set above; stops early "
    "when people agree, asks one more at a time when they do not.",
    "adaptive_confidence": "How probable it must be that most labelers would answer the same. "
    "Two who agree make 87.5, three 93.8.",
    "overlap_cap": "A comparison that stays unclear is settled as it is.",
    "loop_enabled": "Off: runs start only when somebody presses a button on the loop page.",
    "retrain_after": "Smaller: the queue follows the labelers more closely. Larger: fewer runs.",
    "base_model": "A folder on the server or a Hugging Face hub id. Empty: the current policy.",
    "reward_method": "The quick way reads each text once and trains for seconds: a good start with "
    "a few hundred preferences and a strong base model.",
    "reward_adapter": "LoRA needs much less memory and suits large models; the result is merged "
    "into plain weights.",
    "reward_pooling": "At the end: the folder loads anywhere. Averaged: often better with a few "
    "hundred preferences, but only Preferable's own loader reads it.",
    "reward_heads": "More than one cheaply shows where the reward is uncertain. 8 is a good "
    "number. The mean of all is still one plain model.",
    "reward_members": "Each one costs a whole training. 4 or 5 keep a policy from exploiting the "
    "mistakes of one; 1 is enough to choose what to label.",
    "reward_bootstrap": "About a third, another one each: who has not learned from a label can "
    "doubt it. Without, every model sees all: better rewards where judgments are few.",
    "aggregate": "The lowest or the penalised reward is for improving a policy. Accuracy is always "
    "that of the mean.",
    "uwo_weight": "The reward is the mean less this times the variance.",
    "learning_curve": "Trains on 25, 50 and 75 % of the data as well, after each training: tells "
    "whether more labels are worth it. Takes about two and a half times as long.",
    "reward_learning_rate": "Empty: by the size of the model: 1e-5 for a large one, 1e-4 with "
    "LoRA, 1e-3 below 20 million weights. Lower it when the loss explodes. The quick way has none.",
    "reward_epochs": "How often each preference is seen. Empty: once, and more often while there "
    "are few.",
    "reward_batch_size": "Learned from together. Smaller: more and noisier steps.",
    "reward_max_length": "Of a prompt with its response; of a longer one the oldest part of the "
    "prompt is left out. Empty: what the model takes, at most 2,048. Lower it when memory runs "
    "out.",
    "reward_strength_margin": "“Much better” then has to be a larger difference in reward than "
    "“slightly better”. 0: only the direction counts.",
    "reward_label_smoothing": "Keeps the model from being too sure where labelers err: 5 to 10 for "
    "noisy judgments. Below 50.",
    "reward_ties": "As half a win, a tie says that both rewards are alike. Davidson also learns "
    "how often people see no difference.",
    "reward_rankings": "As a whole, the best is chosen among all, then the next among the rest. "
    "Only where several responses are ranked without ties; the quick way uses pairs.",
    "reward_centering": "Differences stay the same, rewards of different prompts become easier to "
    "compare: 0.01 is usual. 0: off.",
    "retrain_every_hours": "Even with fewer new preferences, if there are at least 10. 0: never.",
    "improvement": "Learning the best of n is the safest: it cannot go further than the best of "
    "what the policy already writes. RLOO and PPO go further and need watching. DPO needs no "
    "reward model, and learns only from what people have compared.",
    "improve_after": "Counted since the last improvement. A few hundred at least: a reward model "
    "that knows little is easily fooled. 0: after every retraining.",
    "promotion": "In a blind comparison both versions answer the same prompts, and people judge "
    "the pairs among all others, without knowing. At once: only while the KL budget and the guard "
    "allow it; nobody is asked.",
    "comparison_size": "It ends sooner when people clearly prefer one. 100 mostly find a version "
    "that wins two times in three, 400 one that wins 60 %.",
    "kl_coefficient": "0.05 to 0.3 is usual for PPO and RLOO; 0 lets the policy exploit every "
    "mistake of the reward model. In DPO it is beta.",
    "kl_budget": "The training stops there and keeps what it had before. The reference is the "
    "policy that improvement began with. 0: no limit.",
    "kl_target": "For PPO and RLOO: the price rises while the policy is further from the reference "
    "than this, and falls while it is nearer. Keep it below the limit. 0: the price stays.",
    "kl_estimator": "k1 is right for most projects. k3 varies less from response to response, but "
    "as a price it draws the policy to another place.",
    "best_of": "More is better and slower, and goes further: n responses are at most log n nats.",
    "improve_prompts": "Drawn from the train split; the others stay for the comparison.",
    "improve_steps": "More is slower and goes further from the reference.",
    "improve_adapter": "LoRA needs much less memory and suits large models; the result is merged "
    "into plain weights.",
    "queue_target": "Nothing is sampled while this many comparisons are waiting.",
    "sample_prompts": "How many prompts get new responses after each retraining.",
    "samples_per_prompt": "The two responses that tell most about the reward model are queued.",
    "temperature": "1 samples as the policy is; lower is safer and more alike.",
    "top_p": "1 keeps every token; 0.95 leaves out the least likely ones.",
    "max_new_tokens": "A response that reaches this is marked as cut off.",
}
