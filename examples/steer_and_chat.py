"""Steer a model towards extraversion, and talk to it; an empty line ends."""

import personae as p
from personae.core import Message, Request, Sampling, say

chat = ()
with p.steer("smollm2", "E=+2@15") as outgoing:
    while line := input("You: "):
        chat += say(line)
        (reply,) = outgoing.reply([Request(chat)], Sampling(max_tokens=60, temperature=0.7))
        chat += (Message("assistant", reply.text),)
        print(f"Model: {reply.text}\n")
