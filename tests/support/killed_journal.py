"""A journal that a test kills: questions of a slow scripted model, each ask noted in a log."""

from pathlib import Path

from personae.core import Chat, Sampling, requests_of, say
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.respondents.scripted import ScriptedModel

COUNT = 1500
REQUESTS = requests_of(say(str(i)) for i in range(COUNT))


def main(path: str, log: str, end: str) -> None:
    with open(log, "a", buffering=1) as stream, Journal(Path(path)) as journal:

        def script(chat: Chat) -> str:
            stream.write(chat[-1].text + "\n")
            return "answer to " + chat[-1].text

        model = recorded(ScriptedModel(script, delay=0.0005), journal)
        replies = model.reply(REQUESTS, Sampling())
        Path(end).write_text(f"{'|'.join(r.text for r in replies)} {model.usage}")
