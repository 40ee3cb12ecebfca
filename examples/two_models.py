"""Two models and three personas: how far does each shift towards what was requested?"""

import personae as p
from personae.core import ForestFigure, ForestRow

design = {"inventory": "saucier-mini-markers", "inductions": ("naive",), "sections": ()}
rows = []
for model in ("simulated:follow=1,noise=0.3", "simulated:follow=0.3,noise=0.3"):  # or "smollm2"
    for persona in p.generate("type_bank", 3, seed=7):
        card = p.card(persona, model, quick=True, **design)
        rows.append(ForestRow(persona.id, card.figures["inductions"].rows[0].estimate, model))
plot = ForestFigure(name="shifts", title="Shift, points", rows=tuple(rows), alt="By model.")
p.Report(title="Two models", parts=(plot,)).show()  # in a notebook: plot.to_altair()
