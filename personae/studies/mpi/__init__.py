"""The Machine Personality Inventory: what a model reports, and whether prompts shift it."""
