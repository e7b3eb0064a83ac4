"""Whatever is wrong with a file is said in one line with file and line number, and nothing is dropped in silence."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.reconciliation.sides import Files

GOOD = "reference,amount\nA,1\n"


def reason(files: Files, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The single line on stderr of a command that could not run; paths shortened to names."""
    assert files.command(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.strip().replace(str(files.folder) + "/", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "bad.csv: the file is empty; even without payments it must name its columns"),
        ("\n\n", "bad.csv:1: the first line is blank; it must name the columns"),
        ("reference,amount\n", "bad.csv:1: the ledger has no rows; --allow-empty if that is true"),
        ("id,amount\nA,1\n", "bad.csv:1: no column reference; it has id, amount. Map one, as in reference=order_id"),
        (
            "reference,value\nA,1\n",
            "bad.csv:1: no column amount; it has reference, value. Map one, as in amount=net_value",
        ),
        ("reference,amount,amount\nA,1,2\n", "bad.csv:1: column 'amount' is there 2 times; one must go or be renamed"),
        ("reference,amount,Amount \nA,1,2\n", "bad.csv:1: column 'amount' is there 2 times; one must go or be renamed"),
        ("reference;amount\nA;1\n", "bad.csv:1: the columns are separated by semicolons; they must be by commas"),
        ("reference,amount\nA,1\nB\n", "bad.csv:3: 1 fields where the header has 2"),
        ("reference,amount\nA,1\nB,2,3\n", "bad.csv:3: 3 fields where the header has 2"),
        (
            'reference,amount\nA,1\n\n"B\nC","₹1,00,000.00"\nD,x\n',
            "bad.csv:4: amount is not a plain decimal such as 100000.00 (no currency sign, no separators, 4 places at most) "
            "(it is '₹1,00,000.00')",
        ),
        (
            "reference,amount\nA,1.23456\n",
            "bad.csv:2: amount is not a plain decimal such as 100000.00 (no currency sign, no separators, 4 places at most) "
            "(it is '1.23456')",
        ),
        (
            "reference,amount\nA,1e3\n",
            "bad.csv:2: amount is not a plain decimal such as 100000.00 (no currency sign, no separators, 4 places at most) "
            "(it is '1e3')",
        ),
        ("reference,amount\nA,1\nB, \n", "bad.csv:3: no amount"),
        ("reference,amount\nA,1\n ,2\n", "bad.csv:3: no reference"),
        (
            "reference,amount,created_at\nA,1,2026-01-05\nB,1,05/01/2026\nC,1,Jan 5 2026\n",
            "bad.csv:3: created_at is not a date in the form ISO 8601 (2026-01-31 or 2026-01-31T17:05:00+05:30) "
            "(it is '05/01/2026')",
        ),
        (
            "reference,amount,settled_at\nA,1,2026-02-30\n",
            "bad.csv:2: settled_at is not a date in the form ISO 8601 (2026-01-31 or 2026-01-31T17:05:00+05:30) "
            "(it is '2026-02-30')",
        ),
        (
            "reference,amount,created_at\nA,1,3026-01-05\n",
            "bad.csv:2: created_at is not a date in the form ISO 8601 (2026-01-31 or 2026-01-31T17:05:00+05:30) "
            "(it is '3026-01-05')",
        ),
        (
            "reference,amount,created_at\nA,1,2026-01-05T10:00:00+99:00\n",
            "bad.csv:2: created_at is not a date in the form ISO 8601 (2026-01-31 or 2026-01-31T17:05:00+05:30) "
            "(it is '2026-01-05T10:00:00+99:00')",
        ),
        ("reference,amount\rA,1\r", "bad.csv:1: lines end in CR alone; they must end in LF or CRLF"),
        (
            "reference,amount,created_at\nA,1,26-01-05\n",
            "bad.csv:2: created_at is not a date in the form ISO 8601 (2026-01-31 or 2026-01-31T17:05:00+05:30) "
            "(it is '26-01-05')",
        ),
    ],
)
def test_a_bad_csv_is_refused_by_line(
    files: Files, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    good, bad = files.write("good.csv", GOOD), files.write("bad.csv", text)

    assert reason(files, capsys, bad, good) == f"paygate reconcile: {expected}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"reference": "B", "amount": }', "bad.jsonl:3: not JSON: Expecting value: line 1 column 30 (char 29)"),
        ('["B", 1]', "bad.jsonl:3: a line must be a JSON object, one per payment"),
        ('{"reference": "B", "amount": 1, "amount": 2}', "bad.jsonl:3: the field 'amount' is there twice"),
        ('{"reference": "B"}', "bad.jsonl:3: no amount"),
        ('{"reference": "\\ud800", "amount": 1}', "bad.jsonl:3: not JSON: half of a surrogate pair"),
        ("[" * 100_000, "bad.jsonl:3: not JSON: nested too deeply"),
        ('{"reference": null, "amount": 1}', "bad.jsonl:3: no reference"),
    ],
)
def test_a_bad_jsonl_is_refused_by_line(
    files: Files, capsys: pytest.CaptureFixture[str], line: str, expected: str
) -> None:
    good = files.write("good.csv", GOOD)
    bad = files.write("bad.jsonl", '{"reference": "A", "amount": 1}\n\n' + line + "\n")

    assert reason(files, capsys, bad, good) == f"paygate reconcile: {expected}"


PLAIN = "amount is not a plain decimal such as 100000.00 (no currency sign, no separators, 4 places at most)"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0.1::DOUBLE AS amount", ": amount is a floating-point column, which is inexact; make it DECIMAL"),
        ("'x' AS amount", f":row 1: {PLAIN} (it is 'x')"),
        ("NULL::DECIMAL(9, 2) AS amount", ":row 1: no amount"),
        (
            "1.00001::DECIMAL(9, 5) AS amount",
            ":row 1: amount has more than 14 digits before or 4 after the point (it is '1.00001')",
        ),
        (
            "1e14::DECIMAL(38, 2) AS amount",
            ":row 1: amount has more than 14 digits before or 4 after the point (it is '100000000000000.00')",
        ),
        (
            "1e14::BIGINT AS amount",
            ":row 1: amount has more than 14 digits before or 4 after the point (it is '100000000000000')",
        ),
        (
            "1 AS amount, 1e14::DECIMAL(38, 2) AS fee",
            ":row 1: fee has more than 14 digits before or 4 after the point (it is '100000000000000.00')",
        ),
        ("1 AS amount, [1] AS utr", ": the type of utr cannot be read as text"),
        ("1 AS amount, NULL::TIMESTAMP[] AS created_at", ": the type of created_at cannot be read as a date"),
        (
            "1 AS amount, DATE '9999-12-31' AS settled_at",
            ":row 1: settled_at is not a date in the form ISO 8601 (2026-01-31 or 2026-01-31T17:05:00+05:30) (it is '9999-12-31')",
        ),
    ],
)
def test_a_bad_parquet_is_refused_by_row(
    files: Files, capsys: pytest.CaptureFixture[str], amount: str, expected: str
) -> None:
    bad = str(files.folder / "bad.parquet")
    duckdb.sql(f"SELECT 'A' AS reference, {amount}").write_parquet(bad)

    assert reason(files, capsys, bad, files.write("good.csv", GOOD)) == f"paygate reconcile: bad.parquet{expected}"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere.csv", "good.csv"], "nowhere.csv: No such file or directory"),
        (["good.xlsx", "good.csv"], "good.xlsx: what kind of file is this? The name must end in .csv, .jsonl or .parquet"),
        (["good.csv", "good.csv", "--columns", "refrence=id"], "there is no column 'refrence' to map to"),
        (["good.csv", "good.csv", "--gateway-columns", "utr=rrn"], "good.csv:1: no column 'rrn' (given for utr)"),
        (["good.csv", "good.csv", "--columns", "utr"], "--columns utr: give it as NAME=VALUE"),
        (["good.csv", "good.csv", "--as-of", "yesterday"], "--as-of yesterday: give an ISO date"),
        (["good.csv", "good.csv", "--window", "-1"], "--window -1: give a whole number of business days"),
        (["good.csv", "good.csv", "--tolerance", "abc"], "--tolerance abc: give a plain decimal"),
        (["good.csv", "good.csv", "--tolerance", "-1"], "tolerance -1 is not a decimal of 0 or more"),
        (["good.csv", "good.csv", "--breaks", "out.xlsx"], "out.xlsx: tables are written as .csv or .parquet"),
        (["good.csv", "good.csv", "--report", "nowhere/r.html"], "nowhere/r.html: the folder does not exist"),
        (["good.csv", "good.csv", "--cutoff", "INR=25:00"], "--cutoff INR=25:00: give a time of day"),
        (["good.csv", "good.csv", "--timezone", "Mars/Base"], "--timezone Mars/Base: no such zone"),
        (["journal:paywize_default", "good.csv"], "journal:paywize_default: Airflow has no connection"),
        (["good.csv", "good.csv", "--ignore", "abc=why"], "--ignore needs the --name"),
    ],
)  # fmt: skip
def test_a_bad_word_is_refused(
    files: Files,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(files.folder)
    files.write("good.csv", GOOD)
    files.write("good.xlsx", GOOD)

    assert expected in reason(files, capsys, *words)


def test_a_date_of_another_century_is_refused_in_any_form(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    bad = files.write("bad.csv", "reference,amount,created_at\nA,1,05/01/2026\nB,1,05/01/1026\n")
    said = reason(files, capsys, bad, bad, "--date-format", "%d/%m/%Y")
    assert said == "paygate reconcile: bad.csv:3: created_at is not a date in the form %d/%m/%Y (it is '05/01/1026')"


def test_not_utf8_is_refused_by_line(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    good = files.write("good.csv", GOOD)
    body = files.write("bad.csv", b"reference,amount\nA,1\nB\xff,2\n")
    header = files.write("utf16.csv", GOOD.encode("utf-16"))

    assert reason(files, capsys, body, good) == "paygate reconcile: bad.csv:3: the file is not UTF-8 text"
    assert reason(files, capsys, header, good) == "paygate reconcile: utf16.csv:1: the file is not UTF-8 text"


@pytest.mark.parametrize("ends", [("\n", "\n"), ("\r\n", "\r\n"), ("\n", "\r\n")])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_bom_and_line_ends_do_not_matter(files: Files, ends: tuple[str, str], mark: str) -> None:
    header, *rows = ["reference,amount,created_at", 'A,1.00,"2026-01-05"', "B,2.00,2026-01-05T10:00:00+05:30"]
    text = mark + header + ends[0] + "".join(row + ends[1] for row in rows)
    plain = "\n".join([header, *rows])

    assert files.command(files.write("any.csv", text), files.write("plain.csv", plain)) == 0


def test_json_numbers_arrive_digit_by_digit(files: Files, tmp_path: Path) -> None:
    rows = '\ufeff{"reference": 12345678901234567891, "amount": 99999999999999.9999, "note": "\\"amount\\": 7"}\r\n'
    jsonl = files.write("l.jsonl", rows)
    text = files.write("g.csv", "reference,amount\n12345678901234567891,99999999999999.9999\n")

    assert files.command(jsonl, text) == 0


def test_other_date_forms_are_read_when_named(files: Files) -> None:
    path = files.write("l.csv", "reference,amount,created_at\nA,1,31/01/2026\n")

    assert files.command(path, path, "--date-format", "%d/%m/%Y") == 0


def test_a_side_without_rows_is_accepted_when_that_is_said(files: Files) -> None:
    empty = files.write("empty.csv", "reference,amount\n")

    assert files.command(empty, empty, "--allow-empty") == 0
    assert files.command(files.write("good.csv", GOOD), empty, "--allow-empty") == 1


def test_columns_are_mapped_per_side(files: Files) -> None:
    ledger = files.write("l.csv", 'Order Id,net,"created_at"\nA,1,\n')
    gateway = files.write("g.csv", "ref,net,note,note\nA,1,x,y\n")
    bank = files.write("b.csv", "rrn,value,reference\nU,1,A\n")
    words = ["--columns", "amount=net", "--ledger-columns", "reference=order id", "--gateway-columns", "reference=ref"]
    words += ["--statement-columns", "utr=rrn", "--statement-columns", "amount=value"]

    assert files.command(ledger, gateway, "--statement", bank, *words) == 0
