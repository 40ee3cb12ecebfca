"""Texts as vectors and as counts: sentence encoder, classifiers, word categories, features."""
