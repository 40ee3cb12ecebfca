"""A questionnaire as chain of thought: which personality does a model read out of a text?"""
