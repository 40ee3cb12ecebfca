"""How well something is predicted: classes, probabilities, linear probes."""
