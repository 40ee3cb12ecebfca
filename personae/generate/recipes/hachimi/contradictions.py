"""A model reads finished boards for contradictions that no rule can express.

After HACHIMI's model validator (Jiang et al. 2026, arXiv:2603.04855, section on validation).
Differs: one small object per board (a field and a reason) instead of a list under fifteen rules,
which are checked exactly; objections left at the end are counted and fail no board, since a reader
that objects at random would fail all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from personae.core import Chat, Model, Sampling, canonical_json, requests_of, say
from personae.generate.recipes.hachimi.owners import Issue, Owner
from personae.generate.writer import object_schema, parse_object, text_schema

__all__ = ["ContradictionValidator", "board_lines"]

HINT = "make it agree with the rest of the board"
NOTHING = "nothing"
LONGEST_REASON = 160
"""Characters of a reason."""
QUESTION = (
    "A board describes one person. Does one of the fields named below plainly contradict another "
    "line of the board? Answer in JSON: the field that should change, or nothing; and why."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContradictionValidator:
    """A model that validates boards; `counts` gains boards read, objections and unusable answers.

    Its objections reach the owners under `code`, as a rule's findings do under the rule's code.
    """

    model: Model
    owners: Sequence[Owner]
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    code: str = "READ"

    def read(self, boards: Sequence[Mapping[str, str]]) -> list[Issue | None]:
        """Read boards in one batch: an objection for each, None without a usable answer or fault.

        Only texts can be objected to: levels and facts are checked by rules.
        """
        owners = {f.path: o.name for o in self.owners for f in o.fields if f.is_text}
        if not owners:
            return [None] * len(boards)
        properties = {
            "field": {"enum": [NOTHING, *owners]},
            "why": text_schema(1, LONGEST_REASON),
        }
        schema = canonical_json(object_schema(properties))
        sampling = Sampling(max_tokens=100, schema=schema, seed=self.seed)
        chats = [_chat(board, list(owners)) for board in boards]
        replies = self.model.reply(requests_of(chats), sampling)
        return [self._issue(reply.text, owners) for reply in replies]

    def _issue(self, reply: str, owners: Mapping[str, str]) -> Issue | None:
        self.counts["boards read by a model"] += 1
        verdict = parse_object(reply) or {}
        path = str(verdict.get("field"))
        reason = str(verdict.get("why", "")).strip()[:LONGEST_REASON]
        if path == NOTHING and "why" in verdict:
            return None
        if path not in owners or not reason.isprintable() or not reason:
            self.counts["readings without a usable answer"] += 1
            return None
        self.counts["objections of the reader"] += 1
        return Issue(
            code=self.code,
            description=f"{path}: {reason}",
            owner=owners[path],
            fields=(path,),
            hint=HINT,
        )


def board_lines(board: Mapping[str, str]) -> str:
    """Write a board as a list, one fact per line."""
    return "\n".join(f"- {path}: {value}" for path, value in board.items())


def _chat(board: Mapping[str, str], paths: Sequence[str]) -> Chat:
    return say(f"{QUESTION}\n\nThe board:\n{board_lines(board)}\n\nFields: {', '.join(paths)}.")
