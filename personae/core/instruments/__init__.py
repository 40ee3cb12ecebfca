"""Instruments as data: inventories, the forms they are given in, behavioural tasks."""
