"""Whether agreeable personas agree with any user."""
