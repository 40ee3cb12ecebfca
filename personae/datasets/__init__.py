"""Published data from a user's own copy or the hub, read by one strict reader."""
