"""TRAIT: which actions a model suggests in everyday situations, and whether it keeps to them."""
