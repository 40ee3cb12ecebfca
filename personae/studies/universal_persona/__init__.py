"""How much harm depends on who the model pretends to be."""
