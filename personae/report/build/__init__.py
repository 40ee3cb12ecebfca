"""Builders of a report's parts: one call a table, figure or note, typed rows in.

======================= ==========================================================================
sentences
------------------------------------------------------------------------------------------------
``verdict(text)``       a note shown first: ``verdict("Prompts move the report.")``
``warning(text)``       a note highlighted: ``warning("Too few items.")``
``missing_answers(a)``  a list of one warning, or of none, to be unpacked: ``*missing_answers(a)``
``estimate_words(e)``   in a sentence: ``estimate_words(shift, "+.1%")`` is "+3.1% [+1.0%, +5.2%]"
``list_words(pairs)``   ``list_words({"E": shift, "N": 0.2})`` is "E +0.50; N +0.20"
tables
------------------------------------------------------------------------------------------------
``table``               each row maps heads to cells:
                        ``table("arms", "Arms", [{"arm": a.name, "shift": a.shift} for a in arms],
                        note)``; give ``columns=`` where there may be no row; annotate a list that
                        grows, ``rows: list[Row] = []``
``with_p``              the cells of a test inside such a row: ``{"arm": a.name, **with_p("shift",
                        a.shift, a.holm)}`` gives the columns arm, shift, p, p (Holm)
``estimates_table``     one estimate per row, p and Holm where there are any: ``estimates_table(
                        "rates", "Rates", {"E": rate}, ("trait", "rate"), note, adjusted=holm(ps))``
``matrix_table``        row -> column -> cell: ``matrix_table("moved", "Moved", {"asked E":
                        {"E": e, "N": n}}, "asked for", note)``
``frame_table``         a polars frame: ``frame_table("letters", "Options chosen", counts, note,
                        heads={"raw": "option"})``
``coverage``            answers by status: ``coverage(answers, ("channel", "arm"), note)``; heads:
                        ``coverage(a, {"facet": "cue"})``; more columns: ``extra={"median mass":
                        pl.col("mass").median()}``; default title "Coverage", key "coverage"
figures
------------------------------------------------------------------------------------------------
``forest``              estimates with intervals, rows (name, estimate) or (name, group, estimate)
                        or estimates: ``forest("shifts", "Shift", [(e.arm, e.kind, e.shift) for e
                        in effects], "SD")``; a unit alone stands for an axis with a line at 0
``ValueAxis``           the axis where a unit isn't enough: ``ValueAxis("SD", reference=0.0,
                        band=(-0.25, 0.25))``, ``ValueAxis("points", low=1, high=5)``
``profile``             scales on one axis: ``profile("scores", "Profile", titles, [Series("model",
                        tuple(means), "measured")], ValueAxis("points", low=1, high=5))``
``lines``               over x: ``lines("dose", "Dose", ("strength", strengths), {"shift": shifts},
                        "nats per token")``
``heatmap``             row -> column -> value, as matrix_table takes it: ``heatmap("moved",
                        "Moved", matrix, "SD", top=1.0)``
``bars``                ``bars("errors", "Error", names, {"reader": errors}, "MSE")``; a category
                        or scale may be (group, name)
======================= ==========================================================================

A figure's values are numbers, Estimates or None. Series are ``Series`` of core or a mapping name ->
values. Every figure lists its values as alternative text; give ``alt`` only where words say more,
or ``form`` for the format of values in a forest (``"+.1%"``). Where a builder lacks an argument,
make the figure's dataclass itself: ``ForestFigure``, ``ProfileFigure``, ``LinesFigure``,
``HeatmapFigure``, ``BarsFigure`` of core.
"""

from personae.report.build.drawings import (
    ValueAxis,
    bars,
    forest,
    heatmap,
    lines,
    profile,
)
from personae.report.build.notes import (
    estimate_words,
    list_words,
    missing_answers,
    verdict,
    warning,
)
from personae.report.build.tables import (
    Row,
    coverage,
    estimates_table,
    frame_table,
    matrix_table,
    table,
    with_p,
)

__all__ = [
    "Row",
    "ValueAxis",
    "bars",
    "coverage",
    "estimate_words",
    "estimates_table",
    "forest",
    "frame_table",
    "heatmap",
    "lines",
    "list_words",
    "matrix_table",
    "missing_answers",
    "profile",
    "table",
    "verdict",
    "warning",
    "with_p",
]
