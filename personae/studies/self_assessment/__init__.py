"""Whether a questionnaire score of a model survives another wording and reversed options."""
