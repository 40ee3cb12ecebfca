"""Asks a model the trials of behavioural tasks, in batches; answers are rows with a status.

The parser, channels and statuses are those of inventories. A trial that builds on an answer is
asked once that answer is known and refers to it by name, so that a missing answer displaces no
other. If a conversation is given, every trial continues it on a branch of its own. Options precede
the question, so that trials share the beginning of their prompt, which is read only once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from personae.core import (
    Answers,
    BehaviourTask,
    Chat,
    Form,
    InputError,
    Message,
    Model,
    Sampling,
    Trial,
)
from personae.measure.inventories.forms import DisplayedOption
from personae.measure.listed_questions import ListedQuestion, list_question

__all__ = ["administer_tasks"]

_BOTH_ORDERS = ("forward", "reverse")
_REQUESTS = {
    "letters": "Answer with the letter of one option.",
    "none": "Answer with one of these and nothing else.",
}
_BLANK = "..."


def administer_tasks(
    model: Model,
    tasks: Sequence[BehaviourTask],
    channel: str,
    *,
    orders: Sequence[str] = _BOTH_ORDERS,
    before: Chat = (),
) -> Answers:
    """Ask every trial of every task once in each option order; one row per trial and order.

    With forward and reverse order, a preference for a position cannot pass for a behaviour.
    `channel` is `label`, `option` or `reply`; `before` is a conversation that precedes every
    trial, in which a trial that builds on an answer follows that answer's turn instead of quoting
    it. Rows are as from `administer`, with `scale` the task's name, `facet` the part, and the
    columns `base`, `group` and `push`; a trial whose earlier answer is missing takes the status of
    that answer and says so.

    Raises:
        InputError: a channel that doesn't fit listed options or the model, or trials that wait
            for each other.

    >>> from personae.core import load_behaviour_task
    >>> from personae.respondents.null import open_null
    >>> cards, model = load_behaviour_task("cards"), open_null("null:first")
    >>> administer_tasks(model, [cards], "label", orders=["forward"]).rows["value"].max()
    0.0
    """
    if channel not in ("label", "option", "reply"):
        raise InputError(
            f"a behavioural task lists options: use the channel label, option or reply, "
            f"not {channel!r}"
        )
    forms = [_form(channel, order) for order in orders]
    return Answers.concat(
        [_Session(model, task, form, tuple(before)).answers() for task in tasks for form in forms]
    )


def _form(channel: str, order: str) -> Form:
    """Return the form of a channel: lettered options, or the options' own words."""
    if channel == "option":
        return Form(wording="task", channel="option", order=order, labels="none")
    return Form(wording="task", channel="label" if channel == "label" else "reply", order=order)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A trial's row with the words and turns that later trials build on, if it was answered."""

    row: dict[str, object]
    words: str = ""
    turns: Chat = ()


@dataclass(frozen=True, slots=True)
class _Session:
    """One task, asked of one model in one form."""

    model: Model
    task: BehaviourTask
    form: Form
    before: Chat

    def answers(self) -> Answers:
        """Ask all trials, those that build on an answer after that answer."""
        outcomes: dict[tuple[str, str], _Outcome] = {}
        waiting = list(self.task.trials)
        while waiting:
            ready = [t for t in waiting if not t.after or (t.base, t.after) in outcomes]
            if not ready:
                raise InputError(f"task {self.task.name!r}: its trials wait for each other")
            outcomes |= {(t.base, t.part): outcome for t, outcome in self._ask(ready, outcomes)}
            waiting = [t for t in waiting if (t.base, t.part) not in outcomes]
        return Answers.of(outcomes[t.base, t.part].row for t in self.task.trials)

    def _ask(
        self, ready: Sequence[Trial], outcomes: Mapping[tuple[str, str], _Outcome]
    ) -> Iterator[tuple[Trial, _Outcome]]:
        """Ask trials in one batch; those whose earlier answer is missing are not asked."""
        pending: list[tuple[Trial, ListedQuestion]] = []
        for trial in ready:
            earlier = outcomes.get((trial.base, trial.after)) if trial.after else None
            if earlier is not None and not earlier.words:
                yield trial, _Outcome(self._row_not_asked(trial, earlier.row))
            else:
                pending.append((trial, self._question(trial, earlier)))
        questions = [question for _, question in pending]
        columns = list_question(self.model, questions, self.form.channel, Sampling(max_tokens=32))
        for index, (trial, question) in enumerate(pending):
            known = {k: v[index] for k, v in columns.items() if v[index] is not None}
            yield trial, self._outcome(question, {**self._constants(trial), **known})

    def _outcome(self, question: ListedQuestion, row: dict[str, object]) -> _Outcome:
        slot = row.get("slot")
        if row["status"] != "ok" or not isinstance(slot, int):
            return _Outcome(row)
        option = question.options[slot]
        answer = option.label if self.form.channel == "label" else option.text
        turns = (*question.chat[len(self.before) :], Message("assistant", answer))
        return _Outcome(row, option.text, turns)

    def _question(self, trial: Trial, earlier: _Outcome | None) -> ListedQuestion:
        options = _displayed(trial, self.form)
        turns: Chat = ()
        quotation = ""
        if earlier is not None and self.before:
            turns = earlier.turns
        elif earlier is not None:
            quotation = f"The answer given: {earlier.words}"
        text = self._text(trial.text, options, quotation)
        chat = (*self.before, *turns, Message("user", text))
        blank = (*self.before, Message("user", self._text(_BLANK, options)))
        return ListedQuestion(chat, blank, options)

    def _text(self, text: str, options: Sequence[DisplayedOption], quotation: str = "") -> str:
        listed = "\n".join(option.line for option in options)
        parts = (self.task.instruction, listed, _REQUESTS[self.form.labels], quotation, text)
        return "\n\n".join(part for part in parts if part)

    def _row_not_asked(self, trial: Trial, earlier: Mapping[str, object]) -> dict[str, object]:
        reason = f"not asked: the question before it got no answer ({earlier['status']})"
        return {**self._constants(trial), "status": earlier["status"], "why": reason}

    def _constants(self, trial: Trial) -> dict[str, object]:
        values = [option.value for option in trial.options]
        return {
            "inventory": self.task.tag,
            "item": trial.id,
            "scale": self.task.name,
            "facet": trial.part,
            "low": float(min(values)),
            "high": float(max(values)),
            "form": self.form.name,
            "channel": self.form.channel,
            "order": self.form.order,
            "base": trial.base,
            "group": trial.group,
            "push": trial.push,
        }


def _displayed(trial: Trial, form: Form) -> tuple[DisplayedOption, ...]:
    displayed = []
    for slot, index in enumerate(form.arrange(len(trial.options))):
        option = trial.options[index]
        label = chr(ord("A") + slot) if form.labels == "letters" else ""
        line = f"{label}. {option.text}" if label else f"- {option.text}"
        displayed.append(DisplayedOption(label, option.text, option.value, line))
    return tuple(displayed)
