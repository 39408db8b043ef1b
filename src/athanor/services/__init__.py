"""What a person can do. Each service asks for the scopes it needs, so that no dialect can forget to."""

from __future__ import annotations

from dataclasses import dataclass

from athanor.services.collections.collections import Collections
from athanor.services.collections.models import CollectionModels
from athanor.services.collections.single_rows import CollectionRows
from athanor.services.datasets import Datasets
from athanor.services.deploy import Deploy
from athanor.services.ingest import Ingest
from athanor.services.jobs import Jobs
from athanor.services.keys import Keys
from athanor.services.model_files import ModelFiles
from athanor.services.predict import Predict
from athanor.services.projects import Projects
from athanor.services.register import Register
from athanor.services.runs import Runs
from athanor.services.train import Train


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All of them, put together by `app.py`."""

    keys: Keys
    projects: Projects
    ingest: Ingest
    datasets: Datasets
    train: Train
    runs: Runs
    jobs: Jobs
    register: Register
    deploy: Deploy
    predict: Predict
    model_files: ModelFiles
    collections: Collections
    collection_models: CollectionModels
    collection_rows: CollectionRows
