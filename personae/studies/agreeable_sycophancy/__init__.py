"""Whether agreeable personas agree with whatever the user says."""
