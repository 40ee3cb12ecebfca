"""Ways to put a persona into a model: Model -> Model."""
