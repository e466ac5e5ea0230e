"""A migration that stands for older ones, while their files are still there."""

from django.db.migrations import Migration
from django.db.migrations.state import ProjectState


class Squashed(Migration):
    """Says what the models are only where the older files have not said it.

    On the way back to a replaced migration Django takes both for applied when it works out what the
    models were. Each constraint would be there twice, and columns before they were added: SQLite
    would copy tables of a shape that they never had.
    """

    def mutate_state(self, project_state: ProjectState, preserve: bool = True) -> ProjectState:
        if any(app == self.app_label for app, _model in project_state.models):
            return project_state.clone() if preserve else project_state
        return super().mutate_state(project_state, preserve)
