"""The two ways in which a program stops early on purpose."""


class ProgramError(Exception):
    """A failure that can be put in words: what was wrong, where, and what to do about it."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint


class Cancelled(BaseException):
    """SIGTERM was received and a safe point is reached.

    Like KeyboardInterrupt no Exception: code that puts exceptions in words must not catch it.
    """
