"""The ring's drawing: an ellipse of five ways between five stations, in the units of its SVG.

The stations lie over it (static/css/pages/modeling.css places them at the same angles), so a way is
drawn from centre to centre and only its middle is seen.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from modeling.models import Run

STATIONS = ("policy", "queue", "judgments", "preferences", "reward-model")
CENTRE_X, CENTRE_Y, RADIUS_X, RADIUS_Y = 500, 235, 372, 180


@dataclass(frozen=True)
class RingWay:
    """The way from a station to the next: its path, its arrow head, and where its number stands."""

    path: str
    x: float
    y: float
    turn: float
    text_x: float
    text_y: float
    anchor: str
    run: Run | None


def ways(busy: Mapping[str, Run]) -> list[RingWay]:
    """The five ways; `busy` names the stations from which a run is under way to the next."""
    return [_way(place, busy.get(name)) for place, name in enumerate(STATIONS)]


def _way(place: int, run: Run | None) -> RingWay:
    start, end = math.radians(72 * place - 90), math.radians(72 * place - 18)
    middle = (start + end) / 2
    x0, y0 = _point(start)
    x1, y1 = _point(end)
    x, y = _point(middle)
    turn = math.degrees(math.atan2(RADIUS_Y * math.cos(middle), -RADIUS_X * math.sin(middle)))
    text_x, text_y = _point(middle, outward=16)
    return RingWay(
        path=f"M{x0} {y0}A{RADIUS_X} {RADIUS_Y} 0 0 1 {x1} {y1}",
        x=x,
        y=y,
        turn=round(turn, 1),
        text_x=text_x,
        text_y=round(text_y + 4, 1),
        anchor="middle" if abs(text_x - CENTRE_X) < 40 else "start" if x > CENTRE_X else "end",
        run=run,
    )


def _point(angle: float, outward: float = 0) -> tuple[float, float]:
    return (
        round(CENTRE_X + (RADIUS_X + outward) * math.cos(angle), 1),
        round(CENTRE_Y + (RADIUS_Y + outward) * math.sin(angle), 1),
    )
