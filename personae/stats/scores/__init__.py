"""From answers to scale scores, and the quality of the scores."""
