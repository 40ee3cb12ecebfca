"""Whether a model's self-report agrees with its behaviour."""
