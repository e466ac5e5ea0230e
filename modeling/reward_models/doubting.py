"""What a reward model contradicts becomes questions to the curators when it goes into service.

One way only: rows of labeling are written here, and nothing is read back.
"""

from labeling.curation.doubts import Contradiction, note_doubts
from modeling.models import RewardModel
from modeling.reward_models.evaluating import was_learned_from

# Below that probability of the other answer, disagreement is no news.
SURE_ENOUGH = 0.7
# Of a hundred preferences at most so many are asked about: those who look through them all stop.
MOST_OF_ALL = 0.1


def raise_doubts(model: RewardModel) -> int:
    """Notes doubts about the preferences of its training that the model contradicts with most
    conviction and most of its members. Gives how many it has noted."""
    contradicted = model.figures.evaluation.contradicted
    doubts = [
        Contradiction(
            int(row["id"]), row["strength"], row["against"], row["members"], was_learned_from(row)
        )
        for row in contradicted
        if str(row["id"]).isdecimal() and row.get("strength", 0.0) >= SURE_ENOUGH
        if 2 * row["against"] > row["members"]
    ]
    most = max(1, round(MOST_OF_ALL * model.snapshot.count))
    as_of = model.snapshot.last_settled_at
    return note_doubts(model.project, model.version, doubts[:most], as_of)
