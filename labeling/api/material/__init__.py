"""Material over the API: prompts, responses, comparisons, preferences, gold."""
