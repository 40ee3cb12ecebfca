"""Personality alignment by attention heads: does shifting a few heads answer as a person would?"""
