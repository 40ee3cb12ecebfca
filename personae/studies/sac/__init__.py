"""SAC: does a trait follow the level that was asked for, and what else moves with it?"""
