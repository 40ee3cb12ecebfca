"""Quality of predictions: classes, probabilities, linear probes."""
