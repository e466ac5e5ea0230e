"""Which rows an import brought, and which it found there: what an undo goes by.

A row names the import that brought it (`brought_by`). Where a later import has the same row, that
is noted beside it (`ImportedAgain`): an undo of the first leaves the row, and hands it over.
"""

from collections.abc import Collection

from django.db.models import Model

from labeling.models import Comparison, ImportedAgain, Judgment, Preference, Prompt, Response

BROUGHT: frozenset[type[Model]] = frozenset({Prompt, Response, Comparison, Preference, Judgment})


def kind_of(model: type[Model]) -> str:
    return str(model._meta.model_name)


def rows_from_before(model: type[Model], ids: Collection[int], import_id: int) -> set[int]:
    """Those of these rows that were there before the import. Where another import brought them, it
    is noted that this one has them, too."""
    rows = model._default_manager.filter(pk__in=ids).exclude(brought_by=import_id)
    bringers = dict(rows.values_list("pk", "brought_by"))
    ImportedAgain.objects.bulk_create(
        [
            ImportedAgain(of_id=import_id, kind=kind_of(model), row_id=pk)
            for pk, bringer in bringers.items()
            if bringer is not None
        ],
        ignore_conflicts=True,
    )
    return set(bringers)
