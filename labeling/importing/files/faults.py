"""What ends the reading of a file, in words."""


class Unreadable(Exception):
    """Nothing can be read on from here; `place` names the member of an archive, if it is one."""

    def __init__(self, problem: str, advice: str) -> None:
        self.problem, self.advice = problem, advice
        super().__init__(problem)


def in_megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB" if size >= 2**20 else f"{size:,} bytes"
