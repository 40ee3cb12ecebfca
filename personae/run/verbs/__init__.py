"""The verbs of `import personae`: what the commands do, as functions that return objects.

A model is a model string or an opened model; a persona, answers and an inventory are objects, or
the files and names that the commands take.
"""

from personae.run.verbs.model_verbs import card, run, steer
from personae.run.verbs.population_verb import generate
from personae.run.verbs.result_verbs import compare, score

__all__ = ["card", "compare", "generate", "run", "score", "steer"]
