"""What the `data` of each event holds. The page and docs/webhooks.md say it in these words, and an
event with other fields is not written."""

from labeling.models.webhooks import TEST_EVENT, EventType

URL = "where to look at it: absolute where SITE_URL is set, else a path"
BY = "who decided, as a pseudonym; null for a rule"

FIELDS: dict[str, dict[str, str]] = {
    EventType.JUDGMENT_MADE: {
        "judgment": "its id",
        "comparison": "id of what was judged",
        "prompt": "id of its prompt",
        "kind": "`prefer`, `tie`, `both_bad`, `skip` or `flag`",
        "purpose": "`work`, or a check: `gold`, `repeat`",
        "tiers": "ids of responses, best first; ties share a tier",
        "strength": "0 to 3, or null",
        "flag": "category of a flag, else empty",
        "seconds": "reading time, or null",
        "counts": "whether a preference is made of it",
        "labeler": "the labeler's pseudonym, the same as in exports",
        "url": URL,
    },
    EventType.JUDGMENT_WITHDRAWN: {
        "judgment": "id of the judgment that no longer stands",
        "comparison": "id of what was judged",
        "labeler": "the labeler's pseudonym",
        "url": URL,
    },
    EventType.PREFERENCE_SETTLED: {
        "comparison": "id of what was judged",
        "prompt": "id of its prompt",
        "preferences": "of each pair `id`, `chosen`, `rejected`, `kind`, `target`, `strength`, "
        "`weight`, `provenance`, `split` and `url`",
    },
    EventType.REVIEW_DECIDED: {
        "decision": "`exclude`, `restore`, `confirm`, `doubt_again`, `withdraw`, `set_aside`, "
        "`hand_out_again`",
        "preferences": "ids of the preferences it changed, at most 500 in one event",
        "comparison": "id of the comparison, where the decision is about one",
        "of": "how many the whole decision has changed; it may come in several events",
        "reason": "the reason that was given",
        "by": BY,
        "url": URL,
    },
    EventType.SNAPSHOT_TAKEN: {
        "snapshot": "its id",
        "sha256": "of its file",
        "count": "its preferences",
        "last_settled_at": "what was settled later is not in it",
        "url": URL,
    },
    EventType.MODEL_PROMOTED: {
        "kind": "`reward_model` or `policy`",
        "version": "the version that is in service now",
        "name": "of the policy, or the base of the reward model",
        "instead_of": "the version before, or null",
        "reason": "what the gate or the person said",
        "by": BY,
        "url": URL,
    },
    EventType.ROUND_FINISHED: {
        "round": "its number",
        "state": "`promoted`, `rejected`, `finished` or `failed`",
        "reason": "why it ended so",
        "started_at": "when it began",
        "finished_at": "when it ended",
        "url": URL,
    },
    EventType.ALARM_RAISED: {
        "tone": "`warning` or `danger`",
        "text": "what is the matter, in a sentence",
        "run": "id of the run that it is about, or null",
        "url": URL,
    },
    TEST_EVENT: {"message": "a sentence to read", "url": URL},
}
