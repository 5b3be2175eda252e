"""Tracker ``mlflow``: a tracking server, or an SQLite store beside the runs' folders."""

from __future__ import annotations

import importlib
import json
import math
import os
import time
from collections.abc import Mapping
from typing import Any

from . import TrackedRun, Tracker

STORE = "mlflow.db"
RUN_ID = "trainergen.run_id"
_END = {"finished": "FINISHED", "failed": "FAILED", "diverged": "FAILED", "interrupted": "KILLED"}
_PARAMETERS = 100
"""What MLflow takes in one request."""


class MLflow(Tracker):
    """``MLFLOW_TRACKING_URI`` where it is set, else ``runs/mlflow.db``: ``mlflow ui --backend-store-uri sqlite:///...``.

    The experiment has the trainer's name (``MLFLOW_EXPERIMENT_NAME`` wins); a resumed run is found by its id, and what
    MLflow has of it already is not recorded twice.
    """

    packages = ("mlflow", "sqlalchemy", "alembic")
    install = "mlflow-skinny sqlalchemy alembic"

    def __init__(self, run: TrackedRun) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # imported by name, so that a type checker is content where it is not installed
        self._entities: Any = importlib.import_module("mlflow.entities")
        tracking: Any = importlib.import_module("mlflow.tracking")
        runs = run.folder.resolve().parent
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self._client = tracking.MlflowClient(tracking_uri=uri or f"sqlite:///{runs / STORE}")
        self._recorded: dict[str, int] = {}
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or run.trainer
        experiment = self._client.get_experiment_by_name(name)
        artifacts = None if uri else (runs / "mlflow-artifacts").as_uri()
        experiment_id = (
            self._client.create_experiment(name, artifact_location=artifacts)
            if experiment is None
            else experiment.experiment_id
        )
        found = self._client.search_runs([experiment_id], f"tags.`{RUN_ID}` = '{run.run_id}'", max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            for metric in found[0].data.metrics:
                self._recorded[metric] = max(each.step for each in self._client.get_metric_history(self._id, metric))
            return
        self._id = self._client.create_run(experiment_id, run_name=run.name, tags={RUN_ID: run.run_id}).info.run_id
        parameters = [self._entities.Param(key, json.dumps(value)[:6000]) for key, value in run.config.items()]
        for start in range(0, len(parameters), _PARAMETERS):
            self._client.log_batch(self._id, params=parameters[start : start + _PARAMETERS])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the values in one request; one that is not finite is left out (stores differ in what they keep)."""
        moment = time.time_ns() // 1_000_000
        metrics = [
            self._entities.Metric(name, value, moment, step)
            for name, value in values.items()
            if math.isfinite(value) and step > self._recorded.get(name, -1)
        ]
        self._client.log_batch(self._id, metrics=metrics)

    def finish(self, status: str) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._id, _END[status])


TRACKER = MLflow
