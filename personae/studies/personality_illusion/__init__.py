"""Whether a model's self-report matches its behaviour."""
