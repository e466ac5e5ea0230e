"""The ring's drawing: five ways that meet, within the drawing, with their numbers beside them."""

import re

import pytest

from modeling.models import Run
from modeling.pages.loop.ring import CENTRE_X, CENTRE_Y, STATIONS, RingWay, ways

NUMBER = r"(-?[\d.]+)"


def ends_of(way: RingWay) -> tuple[tuple[float, float], tuple[float, float]]:
    path = re.fullmatch(rf"M{NUMBER} {NUMBER}A{NUMBER} {NUMBER} 0 0 1 {NUMBER} {NUMBER}", way.path)
    assert path, way.path
    x0, y0, _, _, x1, y1 = map(float, path.groups())
    return (x0, y0), (x1, y1)


def test_each_way_begins_where_the_one_before_ends() -> None:
    drawn = ways({})
    assert len(drawn) == len(STATIONS)
    for way, following in zip(drawn, [*drawn[1:], drawn[0]], strict=True):
        assert ends_of(way)[1] == pytest.approx(ends_of(following)[0])


def test_the_first_station_is_at_the_top_and_the_ring_goes_round_to_the_right() -> None:
    (x0, y0), (x1, _) = ends_of(ways({})[0])
    assert (x0, y0) == (CENTRE_X, min(y for way in ways({}) for _, y in ends_of(way)))
    assert x1 > CENTRE_X


def test_a_number_stands_outside_its_way_and_runs_away_from_it() -> None:
    for way in ways({}):
        outward = abs(way.text_x - CENTRE_X) - abs(way.x - CENTRE_X)
        assert outward >= 0
        if way.anchor != "middle":
            assert (way.anchor == "start") == (way.x > CENTRE_X)


def test_the_lowest_way_has_its_number_below_its_middle() -> None:
    lowest = max(ways({}), key=lambda way: way.y)
    assert (lowest.anchor, lowest.text_y > lowest.y > CENTRE_Y) == ("middle", True)


def test_a_run_is_drawn_on_the_way_from_its_station() -> None:
    run = Run(kind=Run.Kind.SAMPLE)
    assert [way.run for way in ways({"policy": run})] == [run, None, None, None, None]
    assert [way.run for way in ways({"no station": run})] == [None] * 5
