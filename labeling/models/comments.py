"""What people say to each other about a comparison."""

from django.conf import settings
from django.db import models
from django.db.models import Q

MAX_COMMENT = 5_000


class Comment(models.Model):
    """A remark about one comparison, kept as it was written.

    Curators read all of them. A labeler reads those that are `to_labelers`, of comparisons that
    they have answered, and their own: nobody learns from one what others answered before they do.
    """

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="comments"
    )
    comparison = models.ForeignKey(
        "labeling.Comparison", on_delete=models.CASCADE, related_name="comments"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    text = models.TextField(max_length=MAX_COMMENT)
    to_labelers = models.BooleanField(
        default=False, help_text="Whoever has answered the comparison reads it."
    )
    mentions = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="mentioned_in",
        help_text="Members whose user names stand in the text after an @.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="comment_says_something"),
        ]
        indexes = [
            models.Index(fields=["comparison", "id"], name="comment_of_comparison"),
            models.Index(fields=["project", "-id"], name="comment_of_project"),
            models.Index(
                fields=["project", "-id"],
                condition=Q(resolved_at__isnull=True),
                name="comment_open",
            ),
        ]

    def __str__(self) -> str:
        return f"comment {self.pk} on comparison {self.comparison_id}"
