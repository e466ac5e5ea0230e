"""What several programs let choose, and the settings that all of them have."""

from modeling.run_data.limits import DATE, FLAG, Limit, one_of, or_null, whole
from modeling.settings import SETTINGS

UWO_WEIGHT: float = SETTINGS["uwo_weight"].default  # the projects' own: programs have no other one
ATTENTION = ("auto", "shared", "flex", "padded", "alone")  # how a prompt's responses share it
DEVICES = ("auto", "cpu", "cuda")
SCHEDULES = ("linear", "constant")  # of the learning rate, both after the warm-up
DTYPES = ("auto", "float32", "bfloat16")
# Where nobody names a date. It must not depend on the day: a run may be taken up on the next one,
# and runs share a token cache. Llama 3's own template falls back to this date.
DEFAULT_DATE = "2024-07-26"
FEWEST_TOKENS = 8  # of a text

LIMITS: dict[str, Limit] = {
    "smaller_passes": FLAG,
    "max_length": or_null(whole(FEWEST_TOKENS)),
    "template_date": DATE,
    "device": one_of(*DEVICES),
    "threads": or_null(whole()),
}
