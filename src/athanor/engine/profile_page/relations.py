"""How columns go together: each with the target, and the numeric ones with each other."""

from __future__ import annotations

from collections.abc import Collection

from athanor.engine.profile_page.charts import bar
from athanor.engine.profile_page.html import Html, element
from athanor.engine.profiling.profile import Profile
from athanor.engine.tables.association import Correlations
from athanor.engine.words import MEASURES, count, visible

SHOWN = 30


def target_section(profile: Profile, cards: Collection[int]) -> Html | None:
    """The strongest associations with the target as bars."""
    if profile.target is None or not profile.associations:
        return None
    positions = {column.name: position for position, column in enumerate(profile.columns)}
    lines = []
    for each in profile.associations[:SHOWN]:
        position = positions[each.column]
        name = element("bdi", visible(each.column, 40))
        measures = ", ".join(
            f"{MEASURES.get(measure.name, measure.name)} {measure.value:.2f}" for measure in each.measures
        )
        lines.append(
            element(
                "li",
                element("a", name, href=f"#{'c' if position in cards else 'r'}{position}", class_="value"),
                bar(each.strength),
                element("span", f"{each.strength:.2f}", class_="right"),
                element("span", measures, class_="soft measures"),
                class_=f"t-{profile.columns[position].type}",
            )
        )
    rest = len(profile.associations) - len(lines)
    return element(
        "section",
        element("h2", "With the target ", element("bdi", visible(profile.target))),
        element(
            "p",
            "How far each column alone goes with the target: 0 not at all, 1 all the way. What goes with it need not "
            "cause it.",
            class_="soft",
        ),
        element("ol", *lines, class_="values wide"),
        element("p", f"and {count(rest)} weaker ones: in the table below", class_="soft") if rest > 0 else None,
    )


def correlations_section(correlations: Correlations | None) -> Html | None:
    """Pearson's correlations between numeric columns as a table of coloured cells."""
    if correlations is None or len(correlations.columns) < 2:
        return None
    names = [element("bdi", visible(name, 24)) for name in correlations.columns]
    heads = [
        element("th", element("span", str(number)), scope="col", title=visible(name, 100))
        for number, name in enumerate(correlations.columns, start=1)
    ]
    rows = [
        element("tr", element("th", f"{number} ", name, scope="row"), *map(_cell, line))
        for number, (name, line) in enumerate(zip(names, correlations.matrix, strict=True), start=1)
    ]
    table = element(
        "table",
        element("thead", element("tr", element("td"), *heads)),
        element("tbody", *rows),
        class_="heat",
    )
    return element(
        "section",
        element("h2", "Between numeric columns"),
        element("p", "Pearson's correlation, in hundredths.", class_="soft"),
        element("div", table, class_="scroll", role="region", aria_label="Correlations", tabindex=0),
    )


def _cell(value: float | None) -> Html:
    if value is None:
        return element("td", "·", class_="soft")
    step = round(abs(value) * 5)  # shades that a style sheet can name
    return element(
        "td",
        str(round(100 * value)).replace("-", "\N{MINUS SIGN}"),
        class_=f"{'minus' if value < 0 else 'plus'}-{step}",
    )
