"""Where a record stands: a number in the whole input, and words that find it in its own file."""

LINE, ROW, ITEM = "line", "row", "item"
SHOWN_NAME = 80


class Place(int):
    """The number of a record, unique and ascending in the whole input.

    `own` is its number in the file that holds it, `unit` what is counted there, and `name` that
    file where there are several. Written out it is the number of a line, or words: "row 7 of
    part.csv".
    """

    own: int
    unit: str
    name: str

    def __new__(cls, number: int, own: int = 0, unit: str = LINE, name: str = "") -> "Place":
        place = super().__new__(cls, number)
        place.own = own or number
        place.unit = unit
        place.name = name
        return place

    def at(self, number: int) -> "Place":
        """The same place under another number: of the second row that a record becomes, say."""
        return Place(number, self.own, self.unit, self.name)

    def __str__(self) -> str:
        return str(self.own) if self.unit == LINE and not self.name else self.words

    @property
    def words(self) -> str:
        return f"{self.unit} {self.own}" + (f" of {self.name}" if self.name else "")

    __repr__ = __str__


def shown_name(name: str) -> str:
    """A name out of an archive, fit to be printed: no control characters, and not endless."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable if len(printable) <= SHOWN_NAME else f"…{printable[1 - SHOWN_NAME :]}"
