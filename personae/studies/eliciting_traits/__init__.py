"""Which personality does a trained reader see in what a model says of itself in interviews?"""
