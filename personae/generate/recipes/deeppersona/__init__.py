"""Deep personas: hundreds of attributes from an anchored core."""
