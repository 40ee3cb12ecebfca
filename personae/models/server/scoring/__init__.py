"""Likelihoods of whole texts at servers that can give them: vLLM, SGLang, llama.cpp, TGI."""
