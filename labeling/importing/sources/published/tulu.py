"""The preference mixes of Tülu and OLMo: whole conversations as chosen and rejected."""

from labeling.importing.sources.source import Source, columns

READ = columns("prompt chosen rejected chosen_model rejected_model chosen_rating rejected_rating")

SOURCES = (
    Source(
        name="Tulu preference mix",
        meaning="chosen is better than rejected, equal ratings are a tie",
        needs=columns("source chosen rejected"),
        uses=READ | {"id"},
        keeps=columns("id source"),
        fits=lambda data: isinstance(data["chosen"], list) and isinstance(data["rejected"], list),
        is_strict=True,
        rows=lambda records, _: [
            {name: value for name, value in records[0].items() if name in READ}
        ],
    ),
)
