"""Whether an identity quietly harms a model's reasoning."""
