"""A model reads finished boards for contradictions that no rule can put into a pattern.

After HACHIMI's model validator (Jiang et al. 2026, arXiv:2603.04855, section on validation).
Differs: one small object a board (which field, and why), not a list under fifteen rules, which
rules check exactly; what it still says at the end is counted and fails nothing, since a reader
that objects by chance would fail everything.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from personae.core import Chat, Model, Sampling, canonical_json, requests_of, say
from personae.generate.recipes.hachimi.owners import Issue, Owner

__all__ = ["ContradictionValidator"]

HINT = "make it agree with the rest of the board"
NOTHING = "nothing"
MOST = 160
"""Characters of a reason."""
ASK = (
    "A board describes one person. Does one of the fields named below plainly contradict another "
    "line of the board? Answer in JSON: the field that should change, or nothing; and why."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContradictionValidator:
    """A model that validates. `counts` gains what it read, objected to, and said unreadably.

    Its findings reach the owners under `code`, as rules' do under theirs.
    """

    model: Model
    owners: Sequence[Owner]
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    code: str = "READ"

    def read(self, boards: Sequence[Mapping[str, str]]) -> list[Issue | None]:
        """Read boards in one batch; None where nothing is objected to, or nothing readable said.

        Only texts can be objected to: levels and facts are under rules.
        """
        owners = {f.path: o.name for o in self.owners for f in o.fields if f.is_text}
        if not owners:
            return [None] * len(boards)
        properties = {
            "field": {"enum": [NOTHING, *owners]},
            "why": {"type": "string", "minLength": 1, "maxLength": MOST},
        }
        schema = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        sampling = Sampling(max_tokens=100, schema=canonical_json(schema), seed=self.seed)
        replies = self.model.reply(
            requests_of(_chat(board, list(owners)) for board in boards), sampling
        )
        return [self._taken(reply.text, owners) for reply in replies]

    def _taken(self, reply: str, owners: Mapping[str, str]) -> Issue | None:
        self.counts["boards read by a model"] += 1
        try:
            said = json.loads(reply)
            path, why = said["field"], str(said["why"]).strip()[:MOST]
        except (ValueError, KeyError, TypeError, RecursionError):
            path, why = None, ""
        if path == NOTHING:
            return None
        if path not in owners or not why.isprintable() or not why:
            self.counts["readings without a usable answer"] += 1
            return None
        self.counts["objections of the reader"] += 1
        return Issue(
            code=self.code, says=f"{path}: {why}", owner=owners[path], fields=(path,), hint=HINT
        )


def _chat(board: Mapping[str, str], paths: Sequence[str]) -> Chat:
    known = "\n".join(f"- {path}: {value}" for path, value in board.items())
    return say(f"{ASK}\n\nThe board:\n{known}\n\nFields: {', '.join(paths)}.")
