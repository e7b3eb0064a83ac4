"""Charts as SVG to put into the page. Drawn by pygal, coloured by the page's own style sheet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.money import grouped

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation.report.figures import Series

_WIDTH, _HEIGHT = 480, 200
_MOST_LABELS = 6
_FEWEST_BARS = 6


def counts_across(title: str, series: Series) -> str:
    """Horizontal bars, one per name."""
    height = 40 + 24 * len(series)
    chart = _pygal().HorizontalBar(
        **_look(height=height, print_values=True, value_formatter=_count, show_y_labels=True, show_x_labels=False)
    )
    # pygal draws from the bottom up.
    chart.x_labels = [name.replace("_", " ") for name, _ in reversed(series)]
    chart.add("", [float(value) for _, value in reversed(series)])
    return _svg(chart, title).replace('class="pygal-chart"', 'class="pygal-chart horizontal"', 1)


def counts_up(title: str, series: Series) -> str:
    """Vertical bars of counts."""
    return _bars(title, series, print_values=True, value_formatter=_count)


def money_up(title: str, series: Series) -> str:
    """Vertical bars of amounts."""
    return _bars(title, series, print_values=len(series) <= 6, value_formatter=_short_money)


def runs(title: str, series: Sequence[tuple[str, int, int]]) -> str:
    """Two lines over the runs: breaks, and what is not yet due."""
    chart = _pygal().Line(
        **_look(show_legend=True, legend_at_bottom=True, dots_size=2, value_formatter=_count, include_x_axis=True)
    )
    chart.x_labels = _thinned([day for day, _, _ in series])
    chart.add("breaks", [breaks for _, breaks, _ in series])
    chart.add("not yet due", [timing for _, _, timing in series])
    return _svg(chart, title)


def _bars(title: str, series: Series, **look: Any) -> str:
    chart = _pygal().Bar(**_look(**look))
    room = max(0, _FEWEST_BARS - len(series))  # one lone bar would fill the whole chart
    chart.x_labels = _thinned([name for name, _ in series]) + [""] * room
    # Positions on a chart, not money any more.
    chart.add("", [float(value) for _, value in series] + [None] * room)
    return _svg(chart, title)


def _pygal() -> Any:
    try:
        import pygal  # type: ignore[import-untyped]
    except ImportError:
        raise CannotReconcile("the HTML report needs pygal: pip install 'airflow-provider-paygate[recon]'") from None
    return pygal


def _look(**more: Any) -> dict[str, Any]:
    from pygal.style import Style  # type: ignore[import-untyped]

    return {
        # Only the room that labels need is taken from here; the page's style sheet sets their size.
        "style": Style(label_font_size=14, major_label_font_size=14, legend_font_size=14, value_font_size=14),
        "js": [],
        "disable_xml_declaration": True,
        "show_legend": False,
        "width": _WIDTH,
        "height": _HEIGHT,
        "margin": 8,
        "margin_right": 18,
        "spacing": 8,
        "rounded_bars": 2,
        "print_values_position": "top",
        "truncate_label": -1,
        "min_scale": 2,
        "max_scale": 5,
        "show_y_guides": True,
        **more,
    }


def _svg(chart: Any, title: str) -> str:
    """The drawing without pygal's style, comments (they bear today's date) and random id."""
    text = str(chart.render(is_unicode=True))
    text = re.sub(r"<!--.*?-->|<defs>.*?</defs>|<title>.*?</title>|<desc.*?</desc>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[^"]*"', "", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def _thinned(labels: list[str]) -> list[str]:
    """At most eight labels, evenly spread, the last one kept."""
    step = max(1, -(-len(labels) // _MOST_LABELS))
    last = len(labels) - 1
    return [label if (last - place) % step == 0 else "" for place, label in enumerate(labels)]


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else ""


def _short_money(value: float) -> str:
    for limit, sign in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:,.3g} {sign}"
    return grouped(Decimal(f"{value:.2f}"))
