"""The demo project: three people, a small world of questions, and a tiny policy to sample from."""

import io
import json
from dataclasses import dataclass

from django.db import transaction

from labeling.importing import ImportOptions, import_file
from labeling.models import GuidelineVersion, Membership, Project, Role, User
from labeling.people.signing_in import demo
from labeling.projects.model_locations import NotUsable
from modeling.demo.world.examples import starting_comparisons, starting_prompts
from modeling.models import LoopSettings
from modeling.policies import registry

SLUG = "demo"
POLICY = "modeling/demo/policy"  # below the program's folder, so that the folder can be moved
PEOPLE = {
    Role.LABELER: ("Lena", "Labeler"),
    Role.CURATOR: ("Cora", "Curator"),
    Role.ADMIN: ("Ada", "Admin"),
}
SOURCE = "demo world"
PROMPTS = 1600
COMPARISONS = 80
# Small numbers, so that one person who labels for five minutes sees the whole loop turn.
SETTINGS = {
    "name": "Everyday helper",
    "description": "Short everyday questions, answered by a very small model that can be taught.",
    "question": "Which response would you rather get?",
    "overlap": 1,
}
LOOP_SETTINGS = {
    "retrain_after": 16,
    # The policy needs more than a handful of preferences to learn something that is true.
    "improvement": "rloo",
    "improve_after": 300,
    "kl_coefficient": 0.2,
    "comparison_size": 80,
    "sample_prompts": 40,
    "samples_per_prompt": 4,
    "queue_target": COMPARISONS,
    "max_new_tokens": 80,
}
GUIDELINES = """\
## What a good response is

1. **It is right.** A wrong answer in kind words is still wrong.
2. **It is polite.** One friendly phrase is pleasant. Rudeness is worse than none, and gushing
   helps nobody.
3. **It is no longer than it needs to be.** A capital takes a sentence; a how-to takes its steps,
   all of them and in order.
4. **It ends properly**, not in the middle of a sentence, and does not repeat itself.

## When it is close

- Neither is better in any way that matters: **tie**.
- Both are wrong, rude or unreadable: **both bad**.
- You cannot judge it: **skip**. Somebody else gets it.

## Examples

| Question | Better | Worse, because |
|---|---|---|
| What is the capital of France? | The capital of France is Paris. | *It is Lyon!* – wrong |
| What is 2 plus 3? | 5. | *Figure it out yourself.* – rude |
| How do I boil an egg? | All the steps, in order | The first step only – incomplete |
"""


@dataclass(frozen=True)
class Made:
    """`is_new` is false when the project was there already; `trouble` is a sentence or empty."""

    project: Project
    is_new: bool
    trouble: str


class NameTaken(ValueError):
    """Somebody's own project has the demo's name. The message is a sentence for people."""


def create() -> Made:
    """Makes what is missing of the demo project and leaves everything else as it is. Raises
    NameTaken, with nothing changed, where the project of that name is another one."""
    with transaction.atomic():
        project, is_new = Project.objects.get_or_create(slug=SLUG, defaults=SETTINGS)
        if not is_new and not _is_ours(project):
            # The demo's people would become members of it, one of them an admin.
            raise NameTaken(
                f"There is a project “{SLUG}” already, and it is not the demo's: nothing was "
                "changed. Rename it, then create the demo."
            )
        if is_new:
            LoopSettings.objects.filter(project=project).update(**LOOP_SETTINGS)
            project.loop_settings.refresh_from_db()
        admin = _add_people(project)
        if project.guidelines is None:
            project.guidelines, _ = GuidelineVersion.objects.get_or_create(
                project=project, number=1, defaults={"text": GUIDELINES, "created_by": admin}
            )
            project.save(update_fields=["guidelines"])
        if not project.prompts.exists():
            _add_material(project, admin)
    return Made(project, is_new, _add_policy(project, admin))


def _is_ours(project: Project) -> bool:
    """Whether the project has people or prompts of the demo's: both were made with it, and whoever
    has taken one away left the other."""
    people = project.memberships.filter(user__username__in=demo.USERS.values())
    return people.exists() or project.prompts.filter(source=SOURCE).exists()


def _add_people(project: Project) -> User:
    """Gives the admin. Nobody can sign in as them with a password: demo mode has buttons."""
    for role, (first_name, last_name) in PEOPLE.items():
        user, is_new = User.objects.get_or_create(
            username=demo.USERS[role.value],
            defaults={"first_name": first_name, "last_name": last_name},
        )
        if is_new:
            user.set_unusable_password()
            user.save()
        Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
    return User.objects.get(username=demo.USERS[Role.ADMIN.value])


def _add_material(project: Project, admin: User) -> None:
    rows = [
        {
            "prompt": row["messages"],
            "responses": [{"text": r["text"], "model": r["source"]} for r in row["responses"]],
            "tags": row["tags"],
        }
        for row in starting_comparisons(COMPARISONS)
    ]
    # The first prompts are those of the comparisons.
    rows += [
        {"prompt": row["messages"], "tags": row["tags"]}
        for row in starting_prompts(PROMPTS)[len(rows) :]
    ]
    file = io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())
    import_file(project, admin, file, name=SOURCE, options=ImportOptions(source=SOURCE))


def _add_policy(project: Project, admin: User) -> str:
    if project.policies.exists():
        return ""
    try:
        registry.register_policy(project, "Demo policy", POLICY, admin)
    except NotUsable as problem:
        return f"The demo policy cannot be used, so nothing will be sampled: {problem}"
    return ""
