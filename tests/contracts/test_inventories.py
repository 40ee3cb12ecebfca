"""Every shipped inventory holds what its source holds: counts, keys, order, texts, norms."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from personae.core import Answers, Inventory, data_json, inventories, load_inventory
from personae.stats.scores.scales import scale_scores
from personae.traits.norms import norm_groups, norm_standing

Find = Callable[[str], Path]
REVERSED_120 = """9 19 24 30 39 40 48 49 51 53 54 60 62 67 68 69 70 73 74 75 78 79 80 81 83 84 85
88 89 90 92 94 96 97 98 99 100 101 102 103 104
105 106 107 108 109 110 111 113 114 115 116 118 119 120"""
BFI_44 = {
    "E": "1 6R 11 16 21R 26 31R 36",
    "A": "2R 7 12R 17 22 27R 32 37R 42",
    "C": "3 8R 13 18R 23R 28 33 38 43R",
    "N": "4 9R 14 19 24R 29 34R 39",
    "O": "5 10 15 20 25 30 35R 40 41R 44",
}
BFI_2 = {
    "Sociability": "1 16R 31R 46",
    "Assertiveness": "6 21 36R 51R",
    "Energy Level": "11R 26R 41 56",
    "Compassion": "2 17R 32 47R",
    "Respectfulness": "7 22R 37R 52",
    "Trust": "12R 27 42R 57",
    "Organization": "3R 18 33 48R",
    "Productiveness": "8R 23R 38 53",
    "Responsibility": "13 28R 43 58R",
    "Anxiety": "4R 19 34 49R",
    "Depression": "9R 24R 39 54",
    "Emotional Volatility": "14 29R 44R 59",
    "Intellectual Curiosity": "10 25R 40 55R",
    "Aesthetic Sensitivity": "5R 20 35 50R",
    "Creative Imagination": "15 30R 45R 60",
}
OEJTS = {
    "IE": (30, {3: -1, 7: -1, 11: -1, 15: 1, 19: -1, 23: 1, 27: 1, 31: -1}),
    "SN": (12, {4: 1, 8: 1, 12: 1, 16: 1, 20: 1, 24: -1, 28: -1, 32: 1}),
    "FT": (30, {2: -1, 6: 1, 10: 1, 14: -1, 18: -1, 22: 1, 26: -1, 30: -1}),
    "JP": (18, {1: 1, 5: 1, 9: -1, 13: 1, 17: -1, 21: 1, 25: -1, 29: 1}),
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def raw(name: str) -> dict[str, Any]:
    text = (files("personae") / "data" / "inventories" / f"{name}.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def keyed_ids(inventory: Inventory, *, scale: str = "", facet: str = "") -> str:
    own = inventory.where(scale=scale, facet=facet).items
    return " ".join(f"{item.id}{'R' if item.key < 0 else ''}" for item in own)


def constant(inventory: Inventory, value: float) -> Answers:
    tag = inventory.tag
    return Answers.of(
        {
            "inventory": tag,
            "item": i.id,
            "scale": i.scale,
            "facet": i.facet,
            "key": i.key,
            "low": float(inventory.low),
            "high": float(inventory.high),
            "value": value,
        }
        for i in inventory.items
    )


@pytest.mark.parametrize("name", inventories())
def test_every_inventory_loads_and_says_where_it_comes_from(name: str) -> None:
    inventory = load_inventory(name)
    assert inventory.name == name
    assert inventory.source and inventory.licence and inventory.title and inventory.version
    assert {item.scale for item in inventory.items} == set(inventory.scales)
    texts = [item.text for item in inventory.items]
    if inventory.has_text and inventory.name != "ipip-16pf":
        assert len(set(texts)) == len(texts)
    assert all(t == t.strip() and not t.endswith(".") for t in texts)
    assert not any(word in t for t in texts for word in ("ofyou", "Areuse"))
    assert all(
        (item.other != "") == (inventory.kind == "pair" and item.text != "")
        for item in inventory.items
    )
    named = {(item.scale, item.facet) for item in inventory.items} | {
        (item.scale, "") for item in inventory.items
    }
    assert {(norm.scale, norm.facet) for norm in inventory.norms} <= named


@pytest.mark.parametrize("name", inventories())
def test_the_middle_option_scores_the_middle_everywhere(name: str) -> None:
    inventory = load_inventory(name)
    middle = (inventory.low + inventory.high) / 2
    assert scale_scores(constant(inventory, middle))["mean"].unique().to_list() == [middle]


def test_texts_are_shipped_only_where_they_may_be() -> None:
    bare = {name for name in inventories() if not load_inventory(name).has_text}
    assert bare == {"bfi-44", "bfi-2", "sd3", "oejts", "srq"}
    assert all(not item.text for name in bare for item in load_inventory(name).items)


@pytest.mark.parametrize("form", ["120", "300"])
def test_ipip_neo_is_the_published_table(form: str, test_data: Find) -> None:
    inventory = load_inventory(f"ipip-neo-{form}")
    published = rows(test_data(f"instruments/ipip_neo_{form}.csv"))
    for item, row in zip(inventory.items, published, strict=True):
        assert (item.id, item.text, item.scale, item.facet, item.key) == (
            row["item"],
            row["text"],
            row["domain"],
            row["facet"],
            int(row["key"]),
        )
    assert sum(item.key < 0 for item in inventory.items) == {"120": 55, "300": 148}[form]


@pytest.mark.parametrize("name", ["ipip-neo-120", "ipip-neo-300", "mpi-120"])
def test_items_follow_the_order_rule(name: str) -> None:
    inventory = load_inventory(name)
    facets: dict[tuple[str, int], set[str]] = {}
    for place, item in enumerate(inventory.items):
        within = place % 30
        assert item.id == str(place + 1)
        assert item.scale == "NEOAC"[within % 5]
        facets.setdefault((item.scale, within // 5), set()).add(item.facet)
    assert len(facets) == 30
    assert all(len(names) == 1 for names in facets.values())
    assert [o.value for o in inventory.options] == [1, 2, 3, 4, 5]
    assert [inventory.options[i].text for i in (0, 2, 4)] == [
        "Very Inaccurate",
        "Neither Accurate Nor Inaccurate",
        "Very Accurate",
    ]


def test_the_short_form_is_reversed_in_55_items_and_part_of_the_long_form() -> None:
    short, long = load_inventory("ipip-neo-120"), load_inventory("ipip-neo-300")
    assert [i.id for i in short.items if i.key < 0] == REVERSED_120.split()
    known = {item.text: (item.scale, item.facet, item.key) for item in long.items}
    assert all(known[i.text] == (i.scale, i.facet, i.key) for i in short.items)
    assert next(i.id for i in long.items if i.key < 0) == "69"
    signs: dict[str, set[int]] = {}
    for item in short.items:
        signs.setdefault(item.facet, set()).add(item.key)
    assert {f for f, s in signs.items() if s == {1}} == {
        "Imagination",
        "Self-efficacy",
        "Cheerfulness",
        "Excitement-seeking",
        "Anxiety",
    }
    assert {f for f, s in signs.items() if s == {-1}} == {
        "Cautiousness",
        "Cooperation",
        "Modesty",
        "Morality",
    }


def test_keys_a_facet_of_the_long_form() -> None:
    plus = {"N": "557655", "E": "555588", "O": "655453", "A": "625344", "C": "655753"}
    long = load_inventory("ipip-neo-300")
    for scale, counts in plus.items():
        facets = list(dict.fromkeys(i.facet for i in long.where(scale=scale).items))
        positive = [sum(i.key > 0 for i in long.where(scale=scale, facet=f).items) for f in facets]
        assert positive == [int(c) for c in counts]


def test_mpi_is_the_published_table_but_for_listed_repairs(test_data: Find) -> None:
    inventory = load_inventory("mpi-120")
    fixes = {row["item"]: row for row in raw("mpi-120")["fixes"]}
    published = rows(test_data("mpi-p2/mpi_120.csv"))
    for item, row in zip(inventory.items, published, strict=True):
        shipped = fixes[item.id]["published"] if item.id in fixes else item.text
        assert shipped == row["text"]
        assert (item.scale, item.facet.lower(), item.key) == (
            row["label_ocean"],
            row["label_raw"].lower(),
            int(row["key"]),
        )
    assert set(fixes) == {"50", "86"}
    counted = Counter((item.scale, item.key) for item in inventory.items)
    assert {s: (counted[s, 1], counted[s, -1]) for s in "OCEAN"} == {
        "O": (12, 12),
        "C": (11, 13),
        "E": (18, 6),
        "A": (7, 17),
        "N": (17, 7),
    }
    neo = load_inventory("ipip-neo-120")
    assert [(i.scale, i.facet, i.key) for i in inventory.items] == [
        (i.scale, i.facet, i.key) for i in neo.items
    ]


def test_the_large_mpi_is_cleaned_by_its_rule(test_data: Find) -> None:
    published = rows(test_data("mpi-p2/mpi_1k.csv"))
    counts, inventory = raw("mpi-1k")["cleaning"], load_inventory("mpi-1k")
    fixes = {row["item"]: row for row in raw("mpi-1k")["fixes"]}
    pairs: dict[str, set[tuple[str, int]]] = {}
    for row in published:
        if row["key"] != "0":
            pairs.setdefault(row["text"], set()).add((row["label_ocean"], int(row["key"])))
    doubtful = {text for text, found in pairs.items() if len(found) > 1}
    kept = {}
    for item in inventory.items:
        row = published[int(item.id) - 1]
        assert row["text"] == (fixes[item.id]["published"] if item.id in fixes else item.text)
        assert (item.scale, item.key) == (row["label_ocean"], int(row["key"]))
        kept[row["text"]] = (item.scale, item.key)
    assert set(pairs) - set(kept) <= doubtful
    distinct = {(r["text"], r["label_ocean"], r["key"]) for r in published}
    assert counts == {
        "rows published": 989,
        "distinct texts published": len({r["text"] for r in published}),
        "rows that repeat a text, domain and key": 989 - len(distinct),
        "rows dropped for key 0": sum(r["key"] == "0" for r in published),
        "texts with two or more (domain, key) pairs": len(doubtful),
        "of these kept with the pair of IPIP-NEO-300": len(doubtful & set(kept)),
        "of these dropped, as IPIP-NEO-300 has none of their pairs": len(doubtful - set(kept)),
        "texts merged after repair": 0,
        "items here": len(inventory.items),
    }
    assert (len(inventory.items), len(doubtful), 989 - len(distinct)) == (633, 88, 233)
    for neo in load_inventory("ipip-neo-300").items:
        if neo.text in doubtful:  # texts without I, my or am are the same in both persons
            assert kept[neo.text] == (neo.scale, neo.key)
    assert kept["Often forget to put things back in their proper place"] == ("C", -1)


def test_ipip_16_factors(test_data: Find) -> None:
    inventory = load_inventory("ipip-16pf")
    published = rows(test_data("instruments/ipip_16pf_163.csv"))
    assert [(i.id, i.text, i.scale, i.key) for i in inventory.items] == [
        (r["item"], r["text"].rstrip("."), r["factor"], int(r["key"])) for r in published
    ]
    sizes = Counter(item.scale for item in inventory.items)
    assert (len(inventory.items), len(sizes), sizes.pop("B")) == (163, 16, 13)
    assert set(sizes.values()) == {10}
    always = scale_scores(constant(inventory, 5.0))
    means = dict(zip(always["scale"], always["mean"].round(2), strict=True))
    expected = {
        **dict.fromkeys("AMO", 3.8),
        "Q2": 3.8,
        "Q4": 3.8,
        "B": 3.46,
        **dict.fromkeys("CGHN", 3.0),
        "Q1": 3.0,
        "Q3": 3.0,
        **dict.fromkeys("EFIL", 3.4),
    }
    assert means == expected


def test_word_lists(test_data: Find) -> None:
    markers = load_inventory("saucier-mini-markers")
    assert [(i.text, i.scale, i.key) for i in markers.items] == [
        (r["adjective"], r["domain"], int(r["key"]))
        for r in rows(test_data("instruments/saucier_minimarkers_40.csv"))
    ]
    assert (len(markers.items), markers.low, markers.high, markers.kind) == (40, 1, 9, "adjective")
    assert set(Counter(i.scale for i in markers.items).values()) == {8}
    assert {i.text for i in markers.where(scale="N").items if i.key < 0} == {"Unenvious", "Relaxed"}
    pairs = load_inventory("goldberg-bipolar")
    published = rows(test_data("instruments/goldberg_bipolar_50pairs.csv"))
    assert [(i.text, i.other) for i in pairs.items] == [
        (r["low_pole"], r["high_pole"]) for r in published
    ]
    assert [(i.scale, i.key) for i in pairs.items] == [
        ("N", -1) if r["domain"] == "ES" else (r["domain"], 1) for r in published
    ]
    assert set(Counter(i.scale for i in pairs.items).values()) == {10}


def test_graded_markers(test_data: Find) -> None:
    data = data_json("adjective_markers.json")
    published = rows(test_data("instruments/adjective_markers_104.csv"))
    assert len(data["markers"]) * 2 == 104
    for marker, row in zip(data["markers"], published, strict=True):
        facet = "" if row["facet"] == "domain" else row["facet"]
        assert [marker["domain"], marker["facet"].lower(), marker["low"], marker["high"]] == [
            row["domain"],
            facet,
            row["low_marker"],
            row["high_marker"],
        ]
    facets = {(i.scale, i.facet) for i in load_inventory("ipip-neo-120").items}
    used = {(m["domain"], m["facet"]) for m in data["markers"] if m["facet"]}
    assert used == facets
    assert len(data["levels"]) == 9
    filled = [step.format(low="shy", high="bold") for step in data["levels"]]
    assert (filled[0], filled[4], filled[8]) == (
        "extremely shy",
        "neither shy nor bold",
        "extremely bold",
    )


def test_keys_only_inventories_have_the_published_keys(test_data: Find) -> None:
    names = {"SD3": "sd3", "OEJTS1.2": "oejts", "BFI-44": "bfi-44", "BFI-2": "bfi-2"}
    published = rows(test_data("instruments/keys_only_sd3_oejts_bfi44_bfi2.csv"))
    for theirs, ours in names.items():
        listed = sorted(
            (int(r["item"]), int(r["key"])) for r in published if r["instrument"] == theirs
        )
        assert [(int(i.id), i.key) for i in load_inventory(ours).items] == listed


def test_bfi_44_and_sd3_keys() -> None:
    bfi = load_inventory("bfi-44")
    assert {scale: keyed_ids(bfi, scale=scale) for scale in BFI_44} == BFI_44
    assert sum(item.key < 0 for item in bfi.items) == 16
    norm = next(n for n in bfi.norms if n.scale == "E")
    assert (norm.mean / 8, norm.sd / 8) == pytest.approx((3.25, 0.90))
    sd3 = load_inventory("sd3")
    assert [i.id for i in sd3.items if i.key < 0] == ["11", "15", "17", "20", "25"]
    assert [i.scale for i in sd3.items] == ["Mach"] * 9 + ["Narc"] * 9 + ["Psych"] * 9


def test_bfi_2_cancels_acquiescence() -> None:
    bfi = load_inventory("bfi-2")
    assert {facet: keyed_ids(bfi, facet=facet) for facet in BFI_2} == BFI_2
    for level in ("scale", "facet"):
        agreed = scale_scores(constant(bfi, 5.0), level=level)
        assert agreed["mean"].unique().to_list() == [3.0]
    assert agreed.height == 15


def test_oejts_keyed_sum_is_its_formula() -> None:
    oejts = load_inventory("oejts")
    given = {item.id: 1 + (7 * int(item.id)) % 5 for item in oejts.items}
    answers = Answers.of(
        {
            "inventory": oejts.tag,
            "item": i.id,
            "scale": i.scale,
            "key": i.key,
            "low": 1.0,
            "high": 5.0,
            "value": float(given[i.id]),
        }
        for i in oejts.items
    )
    sums = dict(scale_scores(answers).select("scale", "sum").rows())
    neutral = dict(scale_scores(constant(oejts, 3.0)).select("scale", "sum").rows())
    for scale, (constant_term, signs) in OEJTS.items():
        formula = constant_term + sum(sign * given[str(q)] for q, sign in signs.items())
        assert sums[scale] == formula
        assert neutral[scale] == 24


def test_norms_are_johnsons(test_data: Find) -> None:
    published = rows(test_data("instruments/ipip_neo_norms_johnson.csv"))
    assert len(published) == 420
    for row in published:
        inventory = load_inventory(f"ipip-neo-{row['form']}")
        facet = row["scale"].partition(" ")[2]
        group = f"{row['sex']} {row['age_band']}"
        norm = next(
            n
            for n in inventory.norms
            if (n.group, n.scale, n.facet) == (group, row["scale"][0], facet)
        )
        assert (norm.mean, norm.sd) == (float(row["sum_mean"]), float(row["sum_sd"]))
    short, long = load_inventory("ipip-neo-120"), load_inventory("ipip-neo-300")
    assert len(norm_groups(short)) == 12 and len(norm_groups(long)) == 6
    assert load_inventory("mpi-120").norms == short.norms


def test_sex_neutral_norms_are_an_equal_mixture() -> None:
    inventory = load_inventory("ipip-neo-120")
    norms = {(n.group, n.scale, n.facet): n for n in inventory.norms}
    for (group, scale, facet), norm in norms.items():
        if group.startswith("sex-neutral"):
            band = group.removeprefix("sex-neutral ")
            man, woman = norms[f"M {band}", scale, facet], norms[f"F {band}", scale, facet]
            assert norm.mean == pytest.approx((man.mean + woman.mean) / 2, abs=1e-4)
            within = (man.sd**2 + woman.sd**2) / 2
            mixture = sqrt(within + ((man.mean - woman.mean) / 2) ** 2)
            assert norm.sd == pytest.approx(mixture, abs=1e-4)


def test_norm_check_values() -> None:
    inventory = load_inventory("ipip-neo-120")
    found = norm_standing(75 / 24, inventory, "N", group="M 21-40")
    assert round(found.T, 2) == 54.87
    norm = next(n for n in inventory.norms if (n.group, n.scale, n.facet) == ("M 21-40", "N", ""))
    for T, percentile in ((40, 15.87), (50, 50.0), (60, 84.13)):
        mean = (norm.mean + (T - 50) / 10 * norm.sd) / 24
        standing = norm_standing(mean, inventory, "N", group="M 21-40")
        assert standing.T == pytest.approx(T)
        assert round(standing.percentile, 2) == percentile
    facets = [
        n.mean for n in inventory.norms if n.group == "M 21-40" and n.scale == "N" and n.facet
    ]
    assert round(sum(facets), 2) == 66.98
