"""TRAIT: which actions a model suggests in everyday situations, and how consistently."""
