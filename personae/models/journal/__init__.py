"""Every answer kept once: the journal, and models that answer from it."""
