"""`paygate sandbox`: what it prints, where it listens, how it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from airflow_provider_paygate import cli

if TYPE_CHECKING:
    from pathlib import Path

START = [sys.executable, "-c", "import sys; from airflow_provider_paygate.cli import main; sys.exit(main())", "sandbox"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_connections_that_work_and_ends_cleanly(ending: signal.Signals) -> None:
    process = subprocess.Popen([*START, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = ""
    while "PAYTIA_WORLDPAY" not in printed:
        line = process.stdout.readline()
        assert line, process.communicate()
        printed += line
    exports = dict(shlex.split(line)[1].split("=", 1) for line in printed.splitlines() if line.startswith("export "))
    connection = json.loads(exports["AIRFLOW_CONN_PAYWIZE_DEFAULT"])
    assert connection["conn_type"] == "paywize"
    assert len(connection["extra"]["api_key"]) == 32
    plain = json.loads(exports["AIRFLOW_CONN_PAYWIZE_V2"])
    keys = {"apiKey": plain["extra"]["api_key"], "secretKey": plain["password"]}
    assert httpx.post(f"{plain['host']}/v1/auth/clients/token", json=keys).json()["respCode"] == 2000
    paytia = json.loads(exports["AIRFLOW_CONN_PAYTIA_ENHANCED"])
    keys = {"client_id": paytia["login"], "client_secret": paytia["password"]}
    assert httpx.post(f"{paytia['host']}/api/authorize", data=keys).json()["httpStatus"] is True
    hanging = socket.create_connection(("127.0.0.1", int(plain["host"].split(":")[2].split("/")[0])))
    os.kill(process.pid, ending)
    out, err = process.communicate(timeout=10)
    hanging.close()
    assert (process.returncode, out.strip(), err) == (0, "", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "example.com", "::"])
def test_it_serves_this_machine_only(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sandbox", "--host", host, "--port", "0"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "is no loopback address" in said.err
    assert said.err.count("\n") == 1


def test_a_taken_port_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.main(["sandbox", "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot listen on 127.0.0.1:" in capsys.readouterr().err


def test_a_state_file_that_is_none_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("Dear bank, " * 200)
    for file in (tmp_path / "letter.txt", tmp_path / "nowhere" / "file.db"):
        assert cli.main(["sandbox", "--port", "0", "--state", str(file)]) == 2
        assert capsys.readouterr().err.startswith(f"paygate sandbox: cannot keep books in {file}: ")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(\"No module named 'fastapi'\", name='fastapi')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([*START, "--port", "0"], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    expected = "paygate sandbox: fastapi is not installed: pip install 'airflow-provider-paygate[sandbox]'\n"
    assert done.stderr == expected


def test_the_help_needs_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["sandbox", "--help"])
    assert "--state FILE" in capsys.readouterr().out
