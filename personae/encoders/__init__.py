"""Texts as vectors and counts: sentence encoder, classifiers, word categories, features."""
