"""SAC: does a trait follow the level asked for, and what else moves with it?"""
