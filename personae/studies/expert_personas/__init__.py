"""Whether an expert persona makes answers more accurate."""
