"""Two hundred personas by exact quotas, as agents for TinyTroupe."""

import personae as p
from personae.personas.exchange import export_personas

personas = p.generate("population", 200, seed=7)
print(export_personas(personas, "agents", "tinytroupe"), "agents in agents/")
