"""Banks of types with hidden labels."""
