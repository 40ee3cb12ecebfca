"""Behavioural tasks, and the scores that their trials give."""
