"""Runs DAGs of `money.py` one after another in one Airflow, and prints what became of each task as JSON, a line a run.

Its input is a list of ``[dag, logical date or null]``, and perhaps where else the DAGs are. A date that was run before is
cleared and run again.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any


def main() -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    dags = DagBag((*sys.argv[2:], str(Path(__file__).parent / "money.py"))[0]).dags
    for name, date in json.loads(sys.argv[1]):
        when = {} if date is None else {"logical_date": datetime.fromisoformat(date)}
        run = dags[name].test(**when)
        print("RUN " + json.dumps(told(name, run)), flush=True)


def told(name: str, run: Any) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(XComModel.value).where(
            XComModel.run_id == run.run_id, XComModel.dag_id == name, XComModel.key == "return_value"
        )
        values = [json.loads(value) if isinstance(value, str) else value for value in session.scalars(query)]
    tasks = [[ti.task_id, ti.map_index, str(ti.state), ti.try_number] for ti in run.get_task_instances()]
    return {"dag": name, "state": str(run.state), "tasks": sorted(tasks), "returned": values}


if __name__ == "__main__":
    main()
