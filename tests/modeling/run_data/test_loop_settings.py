"""What the loop may be told, its programs take: the limits of both say the same."""

import pytest

from modeling.run_data.programs import CONFIGS
from modeling.settings import SETTINGS, Setting

TOLD = [(str(program), one) for one in SETTINGS.values() for program in one.programs]


@pytest.mark.parametrize(("program", "setting"), TOLD, ids=[f"{p}: {s.name}" for p, s in TOLD])
def test_a_program_takes_every_value_that_the_loop_may_be_told(
    program: str, setting: Setting
) -> None:
    limit = CONFIGS[program].limits[setting.key or setting.name]
    # An empty text is none: no program is started with it.
    allowed = [value for value, is_allowed in setting.limits() if is_allowed and value != ""]
    refused = [v for v in allowed if setting.is_allowed_in_program(v) and not limit(v)]
    assert refused == [], f"{setting.key} must be {limit.words}"
