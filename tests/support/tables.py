"""Files to upload, made here."""

from __future__ import annotations

import csv
import random
from pathlib import Path


def write_churn(path: Path, *, n_rows: int = 1200, seed: int = 1) -> Path:
    """Customers who stay or leave, for reasons that can be learned: usage, plan and age of the contract."""
    rng = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["usage", "plan", "months", "tickets", "churned"])
        for _ in range(n_rows):
            usage, plan = rng.gauss(50, 15), rng.choice(["basic", "plus", "pro"])
            months, tickets = rng.randint(1, 60), rng.randint(0, 9)
            score = tickets - usage / 10 - months / 12 + {"basic": 2, "plus": 0, "pro": -1}[plan] + rng.gauss(0, 1)
            writer.writerow([round(usage, 2), plan, months, tickets, "yes" if score > -3.5 else "no"])
    return path
