"""Changes the tags of a prompt."""

from django.db import transaction

from labeling.models import Prompt, User
from labeling.people.audit import write_entry


def change_tags(prompt: Prompt, actor: User, tags: list[str]) -> bool:
    """Gives the prompt these tags in place of its own. False when they are the same."""
    with transaction.atomic():
        current = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
        if current.tags == tags:
            return False
        changes = {"tags": [current.tags, tags]}
        Prompt.objects.filter(pk=prompt.pk).update(tags=tags)
        write_entry(prompt.project, actor, "change tags", prompt, changes=changes)
    return True
