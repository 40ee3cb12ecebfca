"""Whether an identity that a model is given quietly damages its reasoning."""
