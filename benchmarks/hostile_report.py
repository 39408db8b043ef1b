"""What hostile runs show: a verdict on each, and a report on all as markdown. `limits.py` makes the runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hostile_tables import MODEL

FIRST_MODEL_S = 5.0
PATIENCE_S = 60.0  # beyond the limit; then the processes are killed
WORST = 10

Result = dict[str, Any]


def is_overrun(result: Result) -> bool:
    limit = result["case"]["limit"]
    return result["over"] > max(0.01 * limit, 2.0)


def is_beyond_the_cap(result: Result) -> bool:
    return result["peak"] > 1.0


def crash(result: Result) -> str | None:
    """What went wrong that no error in words tells."""
    in_words = any(line.startswith("athanor: ") for line in words(result))
    found = {
        f"did not end within {PATIENCE_S:.0f} s beyond its limit": result["was_killed"],
        f"signal {-result['status']}": result["status"] < 0,
        f"traceback: {last_line(result)}": result["traceback"],
        f"status {result['status']}: {last_line(result)}": result["status"] > 2 or (result["status"] and not in_words),
        f"{result['left_over']} processes left over": result["left_over"],
        f"files left over: {', '.join(result['left_files'])}": result["left_files"],
    }
    return next((what for what, is_so in found.items() if is_so), None)


def missing_model(result: Result) -> str | None:
    """Why there is no usable model where one is possible."""
    if not result["possible"]:
        return None
    if result["status"] != MODEL:
        told = re.sub(r"(No model could be fitted\.) .*?: ", r"\1 … ", last_line(result))  # which ones does not matter
        return re.sub(r"\d[\d,.]*", "N", told)
    return f"unusable: {result['unusable']}" if result["unusable"] else None


def surprise(result: Result) -> str | None:
    """An ending that is wrong where no model was expected, or could be done without."""
    if result["possible"] or crash(result):
        return None
    if result["expected"] == MODEL:  # too little time or memory: a model, or words
        right = result["status"] in {0, 1} and not result["unusable"]
    else:
        right = result["status"] == result["expected"]
    return None if right else f"status {result['status']}: {result['unusable'] or last_line(result)}"


def shown(result: Result) -> str | None:
    """Warnings of libraries, which a user cannot do anything about."""
    return "; ".join(result["warnings"]) or None


def is_late(result: Result) -> bool:
    """The first model came, and not within five seconds."""
    first = result["first_model"]
    return result["status"] == MODEL and (first is None or first > FIRST_MODEL_S)


def words(result: Result) -> list[str]:
    return result["said"].strip().splitlines()


def last_line(result: Result) -> str:
    return words(result)[-1] if words(result) else "no words"


def line_of(result: Result) -> str:
    """One run in one line, with what is wrong about it."""
    case = result["case"]
    wrong = []
    if is_overrun(result):
        wrong.append(f"OVERRUN {result['over']:+.1f} s")
    if is_beyond_the_cap(result):
        wrong.append(f"BEYOND THE CAP {result['peak']:.2f} at {result['peak_at']:.1f} s")
    if why := crash(result):
        wrong.append(f"CRASH {why}")
    if why := missing_model(result):
        wrong.append(f"NO MODEL {why}")
    if why := surprise(result):
        wrong.append(f"SURPRISE {why}")
    if why := shown(result):
        wrong.append(f"WARNINGS {why}")
    if is_late(result):
        wrong.append(f"LATE {result['first_model']}")
    return (
        f"{case['run']:4} {case['table']} | {case['limit']} s, {case['cap']}, {'busy' if case['busy'] else 'idle'}, "
        f"seed {case['seed']} | {result['seconds']:.1f} s, first {result['first_model']}, peak {result['peak']:.2f}, "
        f"{result['reason'] or 'status ' + str(result['status'])}, load {result['load']}, "
        f"waited {result['waited_s']} s, used {result['cpu_s']} s | {'; '.join(wrong) or 'ok'}"
    )


# --- the report -------------------------------------------------------------------------------------------------------


def print_report(results: list[Result]) -> int:
    """The report as markdown; 1 where a promise was broken."""
    if not results:
        print("No runs.")
        return 1
    kinds: dict[str, list[Result]] = {
        "beyond limit + max(1 %, 2 s)": [result for result in results if is_overrun(result)],
        "beyond the cap on memory": [result for result in results if is_beyond_the_cap(result)],
        "crashes": [result for result in results if crash(result)],
        "no usable model where one is possible": [result for result in results if missing_model(result)],
        "another end than expected": [result for result in results if surprise(result)],
    }
    kinds["a library's warnings shown to the user"] = [result for result in results if shown(result)]
    for machine, is_busy in (("idle", False), ("busy", True)):
        kinds[f"first model later than {FIRST_MODEL_S:.0f} s, {machine}"] = [
            result for result in results if is_late(result) and result["case"]["busy"] is is_busy
        ]
    n_busy = sum(result["case"]["busy"] for result in results)
    print(f"{len(results):,} runs, {n_busy:,} of them with every core busy\n")
    print("| | runs | tables |\n|---|---|---|")
    for what, found in kinds.items():
        print(f"| {what} | {len(found)} | {_tables(found)} |")
    for title, why in (
        ("Crashes", crash),
        ("No usable model", missing_model),
        ("Unexpected ends", surprise),
        ("Warnings", shown),
    ):
        _print_reasons(title, results, why)
    _print_histogram("Beyond the limit, s", [r["over"] for r in results], (-5, -1, -0.5, -0.2, 0, 0.2, 0.5, 1, 2, 3, 5))
    _print_histogram("Peak memory / cap", [r["peak"] for r in results], (0.25, 0.5, 0.75, 0.9, 1, 1.05, 1.25, 1.5, 2))
    _print_shares([result for result in results if result["reason"] == "time limit"])
    _print_worst("over", "over", results)
    _print_worst("peak", "peak memory / cap", results)
    _print_worst("first_model", "first model", results)
    is_broken = any(found for what, found in kinds.items() if not what.endswith("busy"))
    print(f"\n{'promises BROKEN' if is_broken else 'every promise kept'}")
    return int(is_broken)


def _print_reasons(title: str, results: list[Result], why: Callable[[Result], str | None]) -> None:
    by_reason: dict[str, list[Result]] = {}
    for result in results:
        if reason := why(result):
            by_reason.setdefault(reason, []).append(result)
    if by_reason:
        print(f"\n{title}\n\n| reason | runs | tables |\n|---|---|---|")
    for reason, found in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        print(f"| {reason.replace('|', '/')} | {len(found)} | {_tables(found)} |")


def _tables(results: list[Result]) -> str:
    counts = Counter(result["case"]["table"] for result in results)
    return ", ".join(f"{name} ({n})" for name, n in counts.most_common())


def _print_histogram(title: str, values: list[float], edges: Sequence[float]) -> None:
    print(f"\n| {title} | runs | |\n|---|---|---|")
    for low, high in zip((float("-inf"), *edges), (*edges, float("inf")), strict=True):
        n = sum(low < value <= high for value in values)
        name = f"above {low:g}" if high == float("inf") else f"to {high:g}"
        print(f"| {name} | {n} | {'#' * -(-50 * n // len(values))} |")


def _print_shares(results: list[Result]) -> None:
    """How much of the limit was used by the runs that it ended; they should use 97 to 100 %."""
    print("\n| ended by the limit of | runs | below 97 % | 97 to 100 % | above | least | median | most |")
    print("|---|---|---|---|---|---|---|---|")
    for limit in sorted({result["case"]["limit"] for result in results}):
        used = sorted(result["seconds"] / limit for result in results if result["case"]["limit"] == limit)
        n_below, n_above = sum(share < 0.97 for share in used), sum(share > 1 for share in used)
        print(
            f"| {limit} s | {len(used)} | {n_below} | {len(used) - n_below - n_above} | {n_above} "
            f"| {used[0]:.1%} | {used[len(used) // 2]:.1%} | {used[-1]:.1%} |"
        )


def _print_worst(key: str, title: str, results: list[Result]) -> None:
    print(f"\n| worst: {title} | run | table | limit | cap | machine | load before | status |")
    print("|---|---|---|---|---|---|---|---|")
    for result in sorted((r for r in results if r[key] is not None), key=lambda r: -r[key])[:WORST]:
        case = result["case"]
        print(
            f"| {result[key]:.2f} | {case['run']} | {case['table']} | {case['limit']} s | {case['cap']} "
            f"| {'busy' if case['busy'] else 'idle'} | {result['load']} | {result['status']} |"
        )
