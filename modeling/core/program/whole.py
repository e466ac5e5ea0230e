"""How far a whole run is: its phases, weighed by what they cost, as one figure.

A phase comes with the seconds that it might take on some machine; only the ratios count. What has
been measured of this run replaces them: a phase that is under way goes by its own speed, one that
is still to come by that of all phases so far. The figure never falls, also when a better estimate
would have it fall, or when a run goes on from a checkpoint: it waits until it is true again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# Only what is done is shown as done.
ALMOST = 0.999
# How much of the whole must have been measured before a phase without a speed of its own is
# foretold from the others.
ENOUGH_MEASURED = 0.3
# How much of a phase must be done before its own speed is believed: the first of many responses is
# often the shortest one, and a figure that is too high stands still for long.
ENOUGH_FOR_SPEED = 0.02


@dataclass
class Phase:
    """One part of a run. `part`: which of several trainings (or models) it belongs to."""

    name: str
    cost: float
    part: str = ""
    done: float = 0.0  # 0..1, planned with what an earlier attempt has left done
    first: float = 0.0  # how far it was when this process came to it
    seconds: float = 0.0  # from then on

    @property
    def measured(self) -> float:
        """The cost that this process has seen done."""
        return (self.done - self.first) * self.cost if self.seconds > 0 else 0.0

    @property
    def has_own_speed(self) -> bool:
        """Whether its own speed is known."""
        return self.measured > 0 and (
            self.done == 1.0 or self.done - self.first >= ENOUGH_FOR_SPEED
        )


class WholeRun:
    """A run's phases and where it is in them. `before`: the share, 0..1, that an earlier attempt
    has shown. Times are seconds by a steady clock."""

    def __init__(self, phases: Sequence[Phase] = (), before: float = 0.0) -> None:
        self.phases = list(phases)
        self.shown = min(ALMOST, max(0.0, before))
        self.at: int | None = None
        self.entered = 0.0

    def plan(self, phases: Sequence[Phase]) -> None:
        """Replace the phases, now that more is known. What was measured of those that stay,
        stays."""
        known = {(phase.name, phase.part): phase for phase in self.phases}
        current = self._current
        self.phases = [self._merged(known.get((new.name, new.part)), new) for new in phases]
        keys = [(phase.name, phase.part) for phase in self.phases]
        key = (current.name, current.part) if current else None
        self.at = keys.index(key) if key in keys else None

    def reach(self, name: str, part: str, share: float, now: float) -> float:
        """Note that a phase is done to this share, 0..1, and that all before it is done. Returns
        the share of the run to show. A phase that was not planned changes nothing."""
        at = self._find(name, part)
        if at is None:
            return self.shown
        phase = self.phases[at]
        if at != self.at:
            self._leave(now)
            for earlier in self.phases[:at]:
                if earlier.done < 1.0:
                    earlier.first += 1.0 - earlier.done  # done elsewhere, or not needed
                    earlier.done = 1.0
            self.at, self.entered = at, now
            phase.first, phase.seconds = max(share, phase.done), 0.0
        # A phase that begins again (a batch that ran out of memory) does not move the bar back.
        phase.done = max(phase.done, min(1.0, share))
        phase.seconds = now - self.entered
        self.shown = max(self.shown, min(ALMOST, self._share()))
        return self.shown

    def left(self, of_phase: float | None = None) -> float | None:
        """Estimate the seconds until the end; None as long as too little is measured. `of_phase`:
        the seconds that the phase under way says it will take."""
        current = self._current
        if current is None:
            return None
        measured = sum(phase.measured for phase in self.phases if phase.has_own_speed)
        cost = sum(phase.cost for phase in self.phases)
        if of_phase is None and not current.has_own_speed and measured < ENOUGH_MEASURED * cost:
            return None
        pace = self._pace()
        seconds = {id(p): (1.0 - p.done) * p.cost * self._pace_of(p, pace) for p in self.phases}
        if of_phase is not None:
            seconds[id(current)] = of_phase
        return sum(seconds.values())

    @property
    def _current(self) -> Phase | None:
        return None if self.at is None else self.phases[self.at]

    def _find(self, name: str, part: str) -> int | None:
        start = self.at or 0
        for at, phase in enumerate(self.phases):
            if at >= start and (phase.name, phase.part) == (name, part):
                return at
        return None

    def _leave(self, now: float) -> None:
        phase = self._current
        if phase is not None:
            phase.done, phase.seconds = 1.0, now - self.entered

    def _merged(self, old: Phase | None, new: Phase) -> Phase:
        if old is None:
            return new
        return Phase(new.name, new.cost, new.part, old.done, old.first, old.seconds)

    def _pace(self) -> float:
        """The seconds that a unit of cost takes, by all that was measured; 1 before anything
        was."""
        seen = [phase for phase in self.phases if phase.has_own_speed]
        if not seen:
            return 1.0
        return sum(phase.seconds for phase in seen) / sum(phase.measured for phase in seen)

    def _pace_of(self, phase: Phase, pace: float) -> float:
        if not phase.measured:
            return pace
        own = phase.seconds / phase.measured
        return own if phase.has_own_speed else max(own, pace)

    def _share(self) -> float:
        pace = self._pace()
        costs = [phase.cost * self._pace_of(phase, pace) for phase in self.phases]
        done = sum(phase.done * cost for phase, cost in zip(self.phases, costs, strict=True))
        return done / sum(costs) if sum(costs) > 0 else 0.0
