"""What people read: the text as it stands, the page without network, the breaks file column by column."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import duckdb
import pytest

from tests.reconciliation.sides import OLD, YOUNG, Files

LEDGER = f"""reference,amount,currency,status,utr,created_at
A1,100.00,INR,SUCCESS,U1,{OLD}
A2,1250.50,INR,SUCCESS,U2,{OLD}
A3,100.00,INR,UNKNOWN,U3,{OLD}
A4,5.00,GBP,SUCCESS,,{OLD}
A5,5.00,GBP,SUCCESS,,{YOUNG}
<A6>,70.00,GBP,SUCCESS,,{OLD}
"""
GATEWAY = f"""reference,amount,currency,status,utr,fee,created_at,settled_at
A1,100.00,INR,COMPLETED,U1,,{OLD},2026-01-06T10:00:00Z
A2,1248.00,INR,SUCCESS,U2,2.50,{OLD},2026-01-06T10:00:00Z
A4,5.00,GBP,REFUNDED,,,{OLD},
"""
BANK = "utr,amount\nU1,-100.00\nGHOST,77.00\n"

TEXT = """\
Reconciliation: ledger.csv against gateway.csv, as of 2026-01-15
5 breaks, 1 not yet due, 1 ledger row matched.

GBP      ledger rows  ledger sum  gateway rows  gateway sum
input              3       80.00             1         5.00
matched            0        0.00             0         0.00
breaks             2       75.00             1         5.00
timing             1        5.00             0         0.00
ignored            0        0.00             0         0.00

INR      ledger rows  ledger sum  gateway rows  gateway sum
input              3     1450.50             2      1348.00
matched            1      100.00             1       100.00
breaks             2     1350.50             1      1248.00
timing             0        0.00             0         0.00
ignored            0        0.00             0         0.00

Matched by: reference 1
Bank statement: 2 lines, 1 without a counterpart; confirms 1 of 1 agreed payments

Breaks by class: unknown_outcome 1, timing 1, missing_at_gateway 1, missing_in_ledger 1, reversal 1, fee 1

class               severity  reference   ledger  gateway  currency  due by      evidence
unknown_outcome     high      A3          100.00        –  INR       2026-01-07  ledger UNKNOWN, not at the gateway
missing_at_gateway  high      <A6>         70.00        –  GBP       2026-01-07  ledger SUCCESS, not at the gateway
missing_in_ledger   high      GHOST            –    77.00  –         –           statement
reversal            medium    A4            5.00     5.00  GBP       2026-01-07  ledger SUCCESS, gateway REFUNDED
fee                 low       A2         1250.50  1248.00  INR       2026-01-07  both sides have it, fee 2.50
timing              info      A5            5.00        –  GBP       2026-01-16  ledger SUCCESS, not at the gateway
"""

COLUMNS = [
    "break_id",
    "class",
    "severity",
    "reference",
    "ledger_amount",
    "gateway_amount",
    "difference",
    "currency",
    "ledger_status",
    "gateway_status",
    "age_days",
    "due_by",
    "evidence",
    "suggested_action",
]


def test_the_text_is_as_it_stands_here(files: Files) -> None:
    assert files.result(LEDGER, GATEWAY, BANK).text() == TEXT


def test_a_clean_run_says_so(files: Files) -> None:
    result = files.result("reference,amount\nA,1\n", "reference,amount\nA,1.00\n")

    assert "No breaks, 1 ledger row matched." in result.text()
    assert 'class="good"' in result.html()


class Page(HTMLParser):
    """Every address in a page, every open element at its end, the text in its body rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.depth: list[str] = []
        self.rows = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "xlink:href")]
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        self.rows += tag == "tr" and "data-class" in dict(attrs)
        if tag not in ("meta", "input", "br", "link"):
            self.depth.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.depth.pop() == tag


def test_the_page_needs_no_network_and_is_well_formed(files: Files) -> None:
    text = files.result(LEDGER, GATEWAY, BANK).html()
    page = Page(text)

    assert page.depth == []
    assert page.addresses == []
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[^\s\"']+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert page.rows == 6
    assert "<button" not in text  # a browser would not repeat such heads on every printed page; the script adds them
    assert "&lt;A6&gt;" in text
    assert "<A6>" not in text
    assert len(text) < 60_000


def test_the_page_shows_the_figures(files: Files) -> None:
    text = files.result(LEDGER, GATEWAY, BANK).html()

    for title in ("Breaks by class", "Money in question, GBP", "Money in question, INR", "Age of open cases"):
        assert title in text
    assert "Days from creation to settlement" in text
    # 70.00 missing, 5.00 returned; 100.00 unknown, 2.50 of fee
    assert "<b>75.00</b><span>GBP in question" in text
    assert "<b>102.50</b><span>INR in question" in text


def test_the_breaks_file_has_the_promised_columns(files: Files) -> None:
    result = files.result(LEDGER, GATEWAY, BANK)
    text, table = str(files.folder / "b.csv"), str(files.folder / "b.parquet")
    result.write_breaks(text)
    result.write_breaks(table)

    with open(text, newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    assert rows[0] == COLUMNS
    fee = dict(zip(COLUMNS, next(row for row in rows if row[1] == "fee"), strict=True))
    assert re.fullmatch("[0-9a-f]{16}", fee.pop("break_id"))
    assert fee == {
        "class": "fee",
        "severity": "low",
        "reference": "A2",
        "ledger_amount": "1250.50",
        "gateway_amount": "1248.00",
        "difference": "-2.50",
        "currency": "INR",
        "ledger_status": "SUCCESS",
        "gateway_status": "SUCCESS",
        "age_days": "10",
        "due_by": "2026-01-07",
        "evidence": "both sides have it, fee 2.50",
        "suggested_action": "Book the fee",
    }
    read = duckdb.sql(f"SELECT * FROM '{table}'")
    assert read.columns == COLUMNS
    typed = dict(zip(COLUMNS, next(row for row in read.fetchall() if row[1] == "fee"), strict=True))
    assert (typed["difference"], typed["age_days"], typed["due_by"]) == (Decimal("-2.50"), 10, date(2026, 1, 7))


def test_no_breaks_are_a_file_with_a_header(files: Files) -> None:
    result = files.result("reference,amount\nA,1\n", "reference,amount\nA,1\n")
    result.write_breaks(str(files.folder / "none.parquet"))

    assert duckdb.sql(f"SELECT * FROM '{files.folder}/none.parquet'").columns == COLUMNS


def test_the_command_writes_what_is_asked(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    words = [files.write("ledger.csv", LEDGER), files.write("gateway.csv", GATEWAY)]
    words += ["--statement", files.write("bank.csv", BANK), "--as-of", "2026-01-15"]
    for name in ("report.html", "breaks.parquet", "matches.csv", "summary.json"):
        words += [f"--{name.partition('.')[0]}", str(files.folder / name)]

    assert files.command(*words) == 1

    assert capsys.readouterr().out == TEXT
    summary = json.loads((files.folder / "summary.json").read_text())
    assert summary["ledger"]["count"] == {"input": 6, "matched": 1, "breaks": 4, "timing": 1, "ignored": 0}
    assert summary["gateway"]["sum"]["input"] == "1353.00"
    assert summary["by_class"]["missing_in_ledger"] == 1
    assert set(summary["by_class"]) > {"timing", "fee", "duplicate"}
    assert "<table" in (files.folder / "report.html").read_text()
