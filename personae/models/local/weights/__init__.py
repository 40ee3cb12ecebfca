"""Weights of local models: where they are put, in which precision, with which adapter."""
