"""What all commands share: their groups, loading on demand, and how a command ends."""
