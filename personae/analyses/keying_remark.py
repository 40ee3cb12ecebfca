"""What a report of scores says where answers contradict the key: one sentence, and the evidence."""

from collections.abc import Sequence

from personae.core import Inventory, Note, Table, counted
from personae.report.build import table, verdict
from personae.stats.scores.keying import KeyingDoubt

__all__ = ["keying_remark", "keying_table"]

FEW = 30
"""Respondents below which correlations of single items often mislead."""
LISTED = 8
"""Items that the sentence names."""


def keying_remark(
    doubts: Sequence[KeyingDoubt], inventory: Inventory, respondents: int
) -> list[Note]:
    """Gather all doubts in one sentence; an empty list where there are none.

    >>> from personae.core import load_inventory
    >>> doubt = KeyingDoubt(scale="E", item="32", text="runs against its scale, r = -0.83")
    >>> keying_remark([doubt], load_inventory("ipip-neo-120"), 6)[0].text[:66]
    'Check the key: 1 item may be keyed the wrong way round: 32. With 6'
    """
    if not doubts:
        return []
    items = list(dict.fromkeys(doubt.item for doubt in doubts if doubt.item))
    scales = list(dict.fromkeys(inventory.scales[d.scale] for d in doubts if not d.item))
    parts = []
    if items:
        more = f" and {len(items) - LISTED} more" if items[LISTED:] else ""
        named = ", ".join(items[:LISTED]) + more
        parts.append(f"{counted(len(items), 'item')} may be keyed the wrong way round: {named}")
    if scales:
        parts.append(f"alpha is no higher with the key than without in {', '.join(scales)}")
    advice = (
        f"With {respondents} respondents this is often chance."
        if respondents < FEW
        else "Were reversed items reversed twice, or never?"
    )
    return [verdict(f"Check the key: {'; '.join(parts)}. {advice}")]


def keying_table(doubts: Sequence[KeyingDoubt], inventory: Inventory) -> list[Table]:
    """Tabulate the evidence for each doubt; an empty list where there are none."""
    rows = [
        {"scale": inventory.scales[doubt.scale], "item": doubt.item, "evidence": doubt.text}
        for doubt in doubts
    ]
    return [table("keying", "Where answers contradict the key", rows)] if rows else []
