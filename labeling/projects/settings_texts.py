"""How people are asked and checked, in words: each setting's group, name and explanation."""

from dataclasses import dataclass

MODE_FIELDS = (
    "question", "scale", "ranked_responses", "allow_tie", "allow_both_bad", "aspects",
    "ask_reason", "reason_chips", "allow_flags", "allow_rewrite",
)  # fmt: skip

# The few things to decide about a new project before its first comparison.
NEW_PROJECT = ("name", "description", "question", "scale", "ranked_responses", "overlap")

MODE_LABELS = {
    "scale": "Answers",
    "ranked_responses": "Responses to rank",
    "allow_tie": "Labelers may say “about the same”",
    "allow_both_bad": "Labelers may say “both bad”",
    "aspects": "Aspects",
    "ask_reason": "A reason with the choice",
    "reason_chips": "Reasons to tick",
    "allow_flags": "Labelers may flag a comparison",
    "allow_rewrite": "Labelers may write a better response",
}

MODE_HELP = {
    "question": "Stands above every comparison.",
    "scale": "How much better is learnt as a margin. Ranking: one answer gives the preference of "
    "every two responses.",
    "ranked_responses": "3 to 9, with Ranking. New imports make comparisons of so many.",
    "allow_tie": "A tie counts as half a win for each side. In a ranking: equal places.",
    "allow_both_bad": "Kept apart from ties: it says nothing about which is better.",
    "aspects": "Asked beside the overall choice of two, with commas between them: helpful, "
    "honest, harmless. The overall choice is what models learn from.",
    "ask_reason": "A sentence, or a tick where you list reasons.",
    "reason_chips": "With commas between them: more correct, clearer, safer, better style.",
    "allow_flags": "Unsafe, nonsense, personal data, shown wrongly. The comparison goes to "
    "others; you see the flags under Curation.",
    "allow_rewrite": "What they write becomes a response by a person, preferred over the better "
    "one of the comparison.",
}


@dataclass(frozen=True)
class SettingsGroup:
    """Settings of one subject. `more` are those that few people change: they are folded up."""

    title: str
    explanation: str
    names: tuple[str, ...]
    more: tuple[str, ...] = ()


# Every setting belongs to one group; a test fails when a new setting has none.
GROUPS = (
    SettingsGroup("About", "What people see in their list of projects.", ("name", "description")),
    SettingsGroup(
        "Judging",
        "What labelers are asked, and which answers they can give.",
        ("question", "scale", "ranked_responses", "overlap", "allow_tie", "allow_both_bad"),
        ("aspects", "ask_reason", "reason_chips", "allow_flags", "allow_rewrite"),
    ),
    SettingsGroup(
        "Handing out",
        "Who gets which comparison, and for how long.",
        ("is_paused", "random_share"),
        ("lease_seconds", "correction_minutes"),
    ),
    SettingsGroup(
        "Quality control",
        "How answers are checked without disturbing anybody. The gold itself is on the page "
        "Quality control.",
        ("gold_share", "gold_mark"),
        (
            "gold_minimum",
            "repeat_share",
            "repeat_after_hours",
            "min_seconds",
            "qualification_items",
            "qualification_mark",
        ),
    ),
    SettingsGroup(
        "Adaptive overlap",
        "Spends judgments where people disagree.",
        ("adaptive_overlap",),
        ("adaptive_confidence", "overlap_cap"),
    ),
)

LABELS = MODE_LABELS | {
    "overlap": "Judgments for each comparison",
    "is_paused": "Pause the project",
    "random_share": "Handed out at random (%)",
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
}

HELP = MODE_HELP | {
    "description": "One sentence about what this project is for.",
    "overlap": "By how many different people each comparison is judged. Comparisons that are "
    "still open follow a change; finished ones stay as they are. With 2 or more, the project "
    "shows how often people agree.",
    "is_paused": "Nobody gets comparisons until you turn this off. Nothing is lost.",
    "random_share": "The rest goes by what the models learn most from. The random part is the "
    "honest test of the reward model and of the choosing; 20 % is a good start.",
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
    "repeat_after_hours": "24 asks again a day later, 0 at the next chance.",
    "min_seconds": "A faster answer is kept and gets a quiet remark. 0: no remark.",
    "qualification_items": "New labelers judge so many gold comparisons first and see after each "
    "what was expected. 0: no first round. Needs at least as much gold.",
    "qualification_mark": "Who stays below is paused, and you decide how to go on.",
    "adaptive_overlap": "Begins with the judgments for each comparison set above; stops early "
    "when people agree, asks one more at a time when they do not.",
    "adaptive_confidence": "How probable it must be that most labelers would answer the same. "
    "Two who agree make 87.5, three 93.8.",
    "overlap_cap": "A comparison that stays unclear is settled as it is.",
}
