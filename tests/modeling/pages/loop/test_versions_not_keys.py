"""Rounds, runs and the audit log name reward models and policies by version, with links, and cut
nothing that cannot be unfolded."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project, User
from labeling.people.audit import write_entry
from labeling.projects.editing import change_settings
from modeling.loop.round_rows import latest_rounds
from modeling.models import Policy, RewardModel, Round, versions
from modeling.pages.runs.run_results import MOST_ROWS, flat_rows
from modeling.reward_models import service
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import make_history, make_reward_model, make_run, with_folder
from tests.modeling.pages.loop.test_pages_rounds import candidate_of, decided

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(settings: Any, tmp_path: Any) -> Project:
    """Keys that are no versions: another project's rows came first."""
    settings.DATA_DIR = tmp_path
    for _ in range(3):
        make_reward_model(make_project())
    project = make_project(name="Teatime", improvement="best_of_n")
    make_history(project, 2)
    return project


@pytest.fixture
def admin(project: Project, client: Client) -> User:
    owner = make_member(project, "admin", "owner")
    client.force_login(owner)
    return owner


def html(client: Client, name: str, *args: Any, **query: Any) -> str:
    return client.get(reverse(name, args=args), query).content.decode()


def link_to(model: RewardModel) -> str:
    return f'href="{reverse("reward-model", args=[model.pk])}"'


def improved(project: Project, used: RewardModel, trained: RewardModel, **training: Any) -> Round:
    """A round in which one reward model was trained and the policy was improved with another."""
    round_ = decided(project)
    Round.objects.filter(pk=round_.pk).update(reward_model=trained)
    run = make_run(
        project, kind="train_policy", round=round_, policy=round_.policy,
        config={
            "reward_model": used.pk, "policy": round_.policy_id, "reference": round_.policy_id,
            "train_policy": {"algorithm": "best_of_n"} | training,
        },
    )  # fmt: skip
    Policy.objects.filter(pk=round_.candidate_id).update(run=run)
    round_.refresh_from_db()
    return round_


def test_a_round_shows_the_reward_model_that_improved_its_policy_and_the_one_trained_in_it_apart(
    client: Client, project: Project, admin: User
) -> None:
    used, trained = project.reward_models.get(version=1), project.reward_models.get(version=2)
    round_ = improved(project, used, trained)
    (row, *_) = latest_rounds(project, list(project.reward_models.all()))
    assert (row.model, row.trained_apart, row.role) == (used, trained, "improved with")
    assert row.accuracy is not None and row.accuracy.value == pytest.approx(0.61)
    page = html(client, "rounds", project.slug)
    model = re.search(rf'<a id="round-{round_.number}-model" ([^>]*)>v1</a>', page)
    apart = re.search(rf'trained in it: <a id="round-{round_.number}-trained" ([^>]*)>v2</a>', page)
    assert model and link_to(used) in model[1]
    assert apart and link_to(trained) in apart[1]


def test_a_round_whose_two_reward_models_are_one_names_it_once(project: Project) -> None:
    used = project.reward_models.get(version=2)
    improved(project, used, used)
    (row, *_) = latest_rounds(project, list(project.reward_models.all()))
    assert (row.model, row.trained_apart) == (used, None)


def test_a_round_that_improved_nothing_shows_the_one_trained_in_it(project: Project) -> None:
    (row, *_) = latest_rounds(project, list(project.reward_models.all()))
    assert (row.model, row.role) == (project.reward_models.get(version=2), "")


@pytest.mark.parametrize(
    ("training", "role"),
    [
        ({}, "Improved with"),
        ({"algorithm": "dpo"}, "Rated by"),
        ({"distill": False}, "Chosen with"),
    ],
)
def test_an_improvement_run_names_its_reward_model(
    client: Client, project: Project, admin: User, training: dict[str, Any], role: str
) -> None:
    used = project.reward_models.get(version=1)
    run = improved(project, used, used, **training).candidate.run
    page = html(client, "run", run.pk)
    assert f"<dt>{role}</dt><dd><a {link_to(used)}>reward model v1</a>" in page
    assert f"<td><a {link_to(used)}>reward model v1</a></td>" in page, "in the configuration"
    assert "policy v1</a>" in page
    assert f"<td>{used.pk}</td>" not in page


def test_a_blind_comparison_and_a_training_name_theirs(
    client: Client, project: Project, admin: User
) -> None:
    used = project.reward_models.get(version=2)
    candidate = candidate_of(project)
    compared = make_run(
        project, kind="compare", policy=candidate.parent,
        config={"reward_model": used.pk, "candidate": candidate.pk, "pairs": 3},
    )  # fmt: skip
    trained = make_run(project, config={"incumbent": used.pk, "epochs": 1})
    assert f"<a {link_to(used)}>reward model v2</a>" in html(client, "run", compared.pk)
    assert f">policy v{candidate.version}</a>" in html(client, "run", compared.pk)
    assert f"<a {link_to(used)}>reward model v2</a>" in html(client, "run", trained.pk)


def test_a_reward_model_that_is_gone_is_said_to_be(
    client: Client, project: Project, admin: User
) -> None:
    run = make_run(project, kind="score", config={"reward_model": 987654})
    assert "reward model, deleted (number 987654)" in html(client, "run", run.pk)


def test_the_page_of_policies_names_the_reward_model_of_each(
    client: Client, project: Project, admin: User
) -> None:
    used = project.reward_models.get(version=1)
    improved(project, used, used)
    page = html(client, "policies", project.slug)
    assert f"improved with <a {link_to(used)}>reward model v1</a>" in page


def test_the_best_of_n_says_whose_rewards_it_shows(
    client: Client, project: Project, admin: User
) -> None:
    used = project.reward_models.get(version=1)
    improved(project, used, used)
    page = html(client, "rounds", project.slug)
    assert re.search(rf'id="pool-model" {link_to(used)}>reward model v1<', page)


def test_the_audit_log_names_versions_with_links(
    client: Client, project: Project, admin: User
) -> None:
    first, second = project.reward_models.order_by("version")
    with_folder(first)
    service.promote_reward_model(first, admin, "back again")
    page = html(client, "audit", project.slug)
    assert f"<a {link_to(first)}>reward model v1</a>" in page
    assert f"instead of: <a {link_to(second)}>reward model v2</a>" in page
    assert f"rewardmodel {first.pk}" not in page


def test_the_audit_log_is_searched_by_version_and_by_key(
    client: Client, project: Project, admin: User
) -> None:
    first, second = project.reward_models.order_by("version")
    for model in (first, second):
        write_entry(project, admin, "reward model rejected", model)
    for asked in ("reward model v1", f"reward model {first.pk}", f"rewardmodel #{first.pk}"):
        found = client.get(reverse("audit", args=[project.slug]), {"target": asked})
        (line,) = found.context["entries"]
        assert line.entry.target_id == str(first.pk), asked
    found = client.get(reverse("audit", args=[project.slug]), {"target": "reward model v99"})
    assert found.context["entries"] == []
    assert len(html(client, "audit", project.slug, target="reward model")) > 0


def test_changed_settings_are_told_old_to_new_by_field(
    client: Client, project: Project, admin: User
) -> None:
    long = "Please read both. " * 20
    change_settings(project, admin, {"overlap": 3, "allow_flags": False, "description": long})
    page = " ".join(html(client, "audit", project.slug).split())
    text = re.sub(r"<[^>]+>", "", page)
    assert "Judgments for each comparison: 1 → 3" in text or ": 1 → 3" in text
    assert "yes → no" in text
    assert long.strip() in text, "nothing is cut"
    assert "{&#x27;" not in page and "[1, 3]" not in page


def test_the_gates_margin_is_told_from_and_to(
    client: Client, project: Project, admin: User
) -> None:
    client.post(reverse("gate-margin", args=[project.slug]), {"margin": "2"})
    page = re.sub(r"<[^>]+>", "", html(client, "audit", project.slug))
    before = versions.loop_of(make_project()).gate_margin
    assert f"value: {before:g} → 0.02" in page


def test_entries_of_a_page_cost_a_query_for_each_kind_and_not_for_each_entry(
    client: Client, project: Project, admin: User, django_assert_max_num_queries: Any
) -> None:
    for model in project.reward_models.all():
        for _ in range(20):
            write_entry(project, admin, "reward model rejected", model)
    with django_assert_max_num_queries(14):
        html(client, "audit", project.slug)


def test_a_table_of_figures_that_is_cut_says_how_much_is_left() -> None:
    rows = flat_rows({f"figure {at}": at for at in range(MOST_ROWS + 7)})
    assert rows[-1][1].startswith("7 more figures")
