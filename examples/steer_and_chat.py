"""Steer a model towards extraversion, and talk to it."""

import personae as p
from personae.core import Request, Sampling, say

question = Request(say("How do you like to spend a free evening?"))
with p.steer("smollm2", "E=+4@15") as outgoing:
    for repeat in range(3):
        (reply,) = outgoing.reply([question], Sampling(max_tokens=60, seed=7, repeat=repeat))
        print(reply.text)
