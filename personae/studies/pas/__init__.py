"""Alignment with persons by attention heads: do a few shifted heads answer as a person would?"""
