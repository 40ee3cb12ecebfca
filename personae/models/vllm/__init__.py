"""Models in vLLM's offline engine: many requests at once on GPUs of this machine."""
