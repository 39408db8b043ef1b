"""What a person can do. Each service asks for the scopes it needs, so that no dialect can forget to."""

from __future__ import annotations

from dataclasses import dataclass

from athanor.services.datasets import Datasets
from athanor.services.deploy import Deploy
from athanor.services.ingest import Ingest
from athanor.services.keys import Keys
from athanor.services.predict import Predict
from athanor.services.register import Register
from athanor.services.runs import Runs
from athanor.services.train import Train


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All of them, put together by `app.py`."""

    keys: Keys
    ingest: Ingest
    datasets: Datasets
    train: Train
    runs: Runs
    register: Register
    deploy: Deploy
    predict: Predict
