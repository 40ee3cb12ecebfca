"""Whether medical roles and bold or cautious styles make clinical answers better, or riskier."""
