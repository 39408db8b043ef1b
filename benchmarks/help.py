"""How long every command's `--help` takes, from start to end of the process. The aim is 0.3 s."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ATHANOR = Path(sys.executable).with_name("athanor")
COMMANDS = ["", "train", "predict", "leaderboard", "serve", "worker", "keys", "keys create", "keys list", "doctor"]
REPEATS = 5
AIM_S = 0.3


def main() -> None:
    print(f"median of {REPEATS}, seconds\n\n| command | median | slowest |\n|---|---|---|")
    worst = 0.0
    for command in COMMANDS:
        times = [once(command.split()) for _ in range(REPEATS)]
        worst = max(worst, statistics.median(times))
        words = " ".join(["athanor", *command.split(), "--help"])
        print(f"| `{words}` | {statistics.median(times):.3f} | {max(times):.3f} |")
    print(f"\nslowest median {worst:.3f} s, aim {AIM_S} s: {'kept' if worst < AIM_S else 'MISSED'}")


def once(words: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([ATHANOR, *words, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
