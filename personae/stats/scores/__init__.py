"""From answers to scale scores, and what the scores are worth."""
