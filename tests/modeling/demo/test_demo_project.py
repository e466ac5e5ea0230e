"""Making the demo again brings back what is missing, and touches nobody's own project."""

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Membership, Project, Role, User
from modeling.demo import gold
from modeling.demo import project as demo_project
from modeling.models.versions import loop_of
from tests.factories import make_member, make_project, make_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world of few questions, made in a moment."""
    monkeypatch.setattr(demo_project, "PROMPTS", 6)
    monkeypatch.setattr(demo_project, "COMPARISONS", 4)


def test_the_first_prompts_are_those_of_its_comparisons() -> None:
    project = demo_project.create().project
    assert (project.prompts.count(), project.comparisons.count()) == (6, 4)
    compared = project.comparisons.values_list("prompt", flat=True)
    assert set(project.prompts.order_by("pk").values_list("pk", flat=True)[:4]) == set(compared)
    assert gold.is_demo(project)


def test_it_has_the_settings_of_a_loop_that_turns_in_minutes() -> None:
    settings = demo_project.create().project.loop_settings
    assert (settings.retrain_after, settings.improvement) == (16, "rloo")


def test_what_somebody_has_taken_away_comes_back_and_what_they_changed_stays() -> None:
    project = demo_project.create().project
    Membership.objects.filter(user__username="demo-curator").delete()
    Membership.objects.filter(user__username="demo-labeler").update(role=Role.CURATOR)
    Project.objects.update(name="Ours", guidelines=None)
    made = demo_project.create()
    assert (made.is_new, made.trouble, made.project.name) == (False, "", "Ours")
    roles = dict(Membership.objects.values_list("user__username", "role"))
    assert roles == {"demo-labeler": "curator", "demo-curator": "curator", "demo-admin": "admin"}
    assert made.project.guidelines is not None
    assert project.prompts.count() == 6


def test_prompts_that_were_all_deleted_come_back() -> None:
    project = demo_project.create().project
    project.comparisons.all().delete()
    project.prompts.all().delete()
    demo_project.create()
    assert (project.prompts.count(), project.comparisons.count()) == (6, 4)


def test_a_person_of_the_demo_who_has_a_password_by_now_keeps_it() -> None:
    """It is somebody's account: the demo makes people, and changes none."""
    user = User.objects.create_user("demo-admin", password="mine", first_name="Me")
    demo_project.create()
    user.refresh_from_db()
    assert user.check_password("mine") and user.first_name == "Me"


def test_a_policy_that_cannot_be_used_leaves_a_demo_to_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo_project, "POLICY", "/no/such/folder")
    made = demo_project.create()
    assert made.trouble.startswith("The demo policy cannot be used, so nothing will be sampled:")
    assert (made.project.comparisons.count(), made.project.policies.count()) == (4, 0)
    monkeypatch.undo()
    assert demo_project.create().trouble == "", "the next time it is there"
    assert loop_of(made.project).policy is not None


@pytest.mark.parametrize("with_prompts", [True, False])
def test_somebodys_own_project_of_that_name_is_left_alone(with_prompts: bool) -> None:
    """The demo's people would become its members, one of them its admin."""
    own = make_project(slug="demo", name="Our demo")
    owner = make_member(own, Role.ADMIN)
    if with_prompts:
        make_prompt(own)
    with pytest.raises(CommandError, match="There is a project “demo” already, and it is not"):
        call_command("create_demo")
    own.refresh_from_db()
    assert list(own.memberships.values_list("user", flat=True)) == [owner.pk]
    assert (own.name, own.policies.count(), own.comparisons.count()) == ("Our demo", 0, 0)
    assert not User.objects.filter(username__startswith="demo-").exists()


def test_a_demo_whose_people_have_all_left_is_still_the_demo() -> None:
    project = demo_project.create().project
    project.memberships.all().delete()
    assert not demo_project.create().is_new
    assert project.memberships.count() == 3
