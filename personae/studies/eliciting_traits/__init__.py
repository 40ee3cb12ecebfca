"""Which personality a trained reader detects in what a model says of itself in interviews."""
