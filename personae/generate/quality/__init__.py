"""How varied and how repetitive a population is, and what it holds."""
