"""Changes the tags of a prompt."""

from labeling.database.transactions import retried
from labeling.models import Prompt, User
from labeling.people.audit import write_entry


@retried
def change_tags(prompt: Prompt, actor: User, tags: list[str]) -> bool:
    """Gives the prompt these tags in place of its own. False when they are the same, or the prompt
    is gone."""
    locked = Prompt.objects.select_for_update(no_key=True).filter(pk=prompt.pk)
    before = locked.values_list("tags", flat=True).first()
    if before is None or before == tags:
        return False
    Prompt.objects.filter(pk=prompt.pk).update(tags=tags)
    write_entry(prompt.project, actor, "change tags", prompt, changes={"tags": [before, tags]})
    return True
