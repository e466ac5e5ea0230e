"""Which comparisons come first. Curators answer for the data that is labeled, so they may change
these settings as well as admins."""

from modeling.settings.choices import Selection
from modeling.settings.declaring import OneOf, Section, Setting, Who, WholeNumber

SELECTION: tuple[Setting, ...] = (
    OneOf(
        name="selection",
        section=Section.SELECTION,
        who=Who.CURATOR,
        label="What comes first",
        help="Uncertainty asks for what is closest to a coin toss. Disagreement asks for what "
        "the model could learn most from, and likes the unusual. Thompson sampling asks "
        "where models that fit the judgments so far pick different winners. Best against "
        "worst gives clear lessons to a policy, and few to a reward model. The page "
        "Selection shows what it gains.",
        default=Selection.UNCERTAINTY.value,
        choices=Selection,
        is_first=True,
    ),
    WholeNumber(
        name="selection_patience",
        section=Section.SELECTION,
        who=Who.CURATOR,
        label="Give up choosing after (reward models)",
        help="When chosen judgments have taught no more than random ones for so many reward "
        "models in a row, everything is handed out at random, and the page Selection says "
        "so. 0: never.",
        default=5,
        low=0,
        high=50,
    ),
)
