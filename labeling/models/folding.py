"""The key under which a name or an address is unique: the same however it is written."""

import unicodedata
from typing import Any

from django.db import models


def fold(text: str) -> str:
    """Equal for what people read as the same: upper and lower case, wide and composed letters.

    Databases do not agree about the case of letters beyond ASCII, so this is not left to them.
    """
    # Twice: casefold can leave a text that is not composed.
    plain = unicodedata.normalize("NFKC", text).casefold()

    return unicodedata.normalize("NFKC", plain)


class FoldedField(models.CharField):
    """Holds another column, folded; null while that is empty or `unless` is true."""

    def __init__(self, *args: Any, of: str = "", unless: str = "", **kwargs: Any) -> None:
        self.of, self.unless = of, unless
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"of": self.of, "unless": self.unless}

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        source = getattr(model_instance, self.of)
        skipped = bool(self.unless) and getattr(model_instance, self.unless)
        value = fold(source) if source and not skipped else None
        setattr(model_instance, self.attname, value)
        return value
