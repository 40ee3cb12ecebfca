"""How much a model's harmfulness depends on its persona."""
