"""The two ways in which a program stops early on purpose, and how to tell a third: memory."""

# In the error of what smaller passes may mend; the worker knows it by these words.
OUT_OF_MEMORY = "memory is not enough for this model and batch"


class ProgramError(Exception):
    """A failure that can be put in words: what was wrong, where, and what to do about it."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint


class ProgramCancelled(BaseException):
    """SIGTERM was received and a safe point is reached.

    Like KeyboardInterrupt no Exception: code that puts exceptions in words must not catch it.
    """


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: of a GPU (torch's OutOfMemoryError, known by
    name, for this file does without torch), of the CPU's allocator, or Python's own."""
    named = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
