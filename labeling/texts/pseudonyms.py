"""Names for people that are not their own."""

from django.utils.crypto import salted_hmac


def pseudonym(project_id: int, user_id: int) -> str:
    """A name for this person that is the same in all exports of the project, and another in every
    other project. Nobody finds the person by it without the installation's secret key."""
    of = f"{project_id}:{user_id}"
    digest = salted_hmac("labeling.preferences.annotators", of, algorithm="sha256").hexdigest()
    return f"annotator-{digest[:12]}"
