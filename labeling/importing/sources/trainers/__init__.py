"""What trainers and services read and write: TRL, OpenAI, chat logs."""
