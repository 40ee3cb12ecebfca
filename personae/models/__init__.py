"""What satisfies the model Protocols: local engine, server client, journal, controls."""
