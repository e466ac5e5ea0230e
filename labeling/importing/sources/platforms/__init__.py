"""What annotation tools write: Argilla, Label Studio, Potato, Open-Assistant."""
