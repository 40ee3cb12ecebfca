"""The assistant axis: where a default stands among roles, how it drifts, what a cap holds."""
