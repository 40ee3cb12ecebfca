"""Whether what a model reports of itself goes together with how it behaves."""
