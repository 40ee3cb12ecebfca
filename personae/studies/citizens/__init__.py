"""Whether generated citizens answer a survey as a country's people do."""
