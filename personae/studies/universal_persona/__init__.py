"""How much a model's harmfulness depends on the persona it is given."""
