"""Answers or arrays in, Estimates out."""
