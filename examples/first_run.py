"""The whole journey once: a server, a real data set, a training, a deployment, predictions. `make run` starts this.

Everything after the start goes through HTTP, as it would from any other machine or language, with Python's standard
library alone. Read it as an example: `Api` is all that a client needs.
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ATHANOR = [sys.executable, "-m", "athanor.cli.main"]
TARGET = "diagnosis"
START_S = 60  # a server on a slow disk may need a while for its first start
END_S = 30


class Api:
    """A server's address and a key."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key

    def get(self, path: str) -> Any:
        return self._send(Request(self.address + path))

    def post(self, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self._send(Request(self.address + path, data=content, headers=kind, method="POST"))

    def upload(self, path: str, file: Path) -> Any:
        """Post a file as a browser's form would (RFC 7578)."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
        content = head.encode() + file.read_bytes() + f"\r\n--{mark}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        return self._send(Request(self.address + path, data=content, headers=kind, method="POST"))

    def _send(self, request: Request) -> Any:
        request.add_header("X-API-Key", self.key)
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except HTTPError as error:
            said = error.read().decode()
            sys.exit(f"{request.get_method()} {request.full_url} was answered {error.code}: {said}")


def main() -> int:
    given = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the server is ended whatever ends this
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        key = make_key(given.data)
        with a_server(given.data, free_port(given.port)) as address:
            api = Api(address, key)
            journey(api, given.data, seconds=given.time)
            if not given.once:
                say(f"\nServing on {address} until Ctrl-C.")
                signal.pause()
    except KeyboardInterrupt:
        say("\nEnded.")
        return 0 if not given.once else 130
    if given.once:
        say("\nDone: server and worker have ended, everything is kept in the data folder. `make run` goes on serving.")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--once", action="store_true", help="end when the journey is through")
    parser.add_argument("--data", type=Path, default=Path("athanor-data"), help="data folder")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; another one where it is taken")
    parser.add_argument("--time", type=int, default=30, help="seconds to train")
    return parser.parse_args()


# --- the journey ------------------------------------------------------------------------------------------------------


def journey(api: Api, data: Path, *, seconds: int) -> None:
    file, held_out = write_data(data / "examples")
    step("Upload", f"POST /api/v1/automl/datasets with {file}")
    dataset = api.upload("/api/v1/automl/datasets", file)
    say(f"The server has it: {dataset['rows']} rows, {dataset['columns']} columns, id {dataset['id']}")

    step("Train", f"POST /api/v1/automl/jobs: learn `{TARGET}` for {seconds} s")
    wanted = {"name": "First run", "dataset": dataset["id"], "targetColumn": TARGET, "timeLimit": seconds}
    job = api.post("/api/v1/automl/jobs", wanted)
    watch(api, job["id"])
    done = api.get(f"/api/v1/automl/jobs/{job['id']}")
    if done["status"] != "completed":
        sys.exit(f"The training ended as {done['status']}: {done['error']}")
    say(f"{done['bestModel']}: {done['metric']} {done['bestScore']:.4f}, on rows that its models did not see")

    step("Deploy", f"POST /api/v1/automl/jobs/{job['id']}/deploy")
    model = api.post(f"/api/v1/automl/jobs/{job['id']}/deploy")
    say(f"`{model['modelName']}` answers rows, id {model['modelId']}")

    predict_path = f"/api/v1/model-registry/models/{model['modelId']}/predict"
    step("Predict", f"POST {predict_path}: {len(held_out)} rows that were never uploaded")
    rows = [{name: cell for name, cell in row.items() if name != TARGET} for row in held_out]
    answer = api.post(predict_path, {"input_data": rows})
    show_predictions(answer, held_out)
    how_to_go_on(api, predict_path, rows[0])


def write_data(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """569 tumours, benign or malignant (Wolberg et al. 1995), four fifths of them as CSV; and the other rows.

    Those stand in a file too, without the diagnosis, for whoever wants to go on from the command line.
    """
    from sklearn.datasets import load_breast_cancer

    step("Data", "a real data set that comes with scikit-learn: is a tumour malignant?")
    data = load_breast_cancer()
    names = [*(str(name) for name in data.feature_names), TARGET]
    rows = [
        dict(zip(names, [*cells, str(data.target_names[label])], strict=True))
        for cells, label in zip(data.data.tolist(), data.target.tolist(), strict=True)
    ]
    held_out = rows[::5]
    train = [row for place, row in enumerate(rows) if place % 5]
    folder.mkdir(parents=True, exist_ok=True)
    file, new = folder / "tumours.csv", folder / "new-tumours.csv"
    write_table(file, names, train)
    write_table(new, names[:-1], held_out)
    say(f"{len(train)} rows to learn from in {file}; {len(held_out)} are held out to see how good the model is")
    return file, held_out


def write_table(file: Path, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with file.open("w", newline="") as written:
        writer = csv.DictWriter(written, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def show_predictions(answer: dict[str, Any], truth: Sequence[dict[str, Any]]) -> None:
    hits = sum(said == row[TARGET] for said, row in zip(answer["predictions"], truth, strict=True))
    say(f"{'predicted':<12}{'probability':<14}{'truth':<12}")
    for said, chances, row in list(zip(answer["predictions"], answer["probabilities"], truth, strict=True))[:5]:
        say(f"{said:<12}{chances[said]:<14.3f}{row[TARGET]:<12}{'' if said == row[TARGET] else '<- wrong'}")
    say(f"{hits} of {len(truth)} held-out rows are right: accuracy {hits / len(truth):.3f}")


def how_to_go_on(api: Api, predict_path: str, row: dict[str, Any]) -> None:
    few = json.dumps({"input_data": dict(list(row.items())[:3])})
    say("\nGo on from here:")
    say(f"  API docs: {api.address}/workbench/docs")
    say(f"  export KEY={api.key}")
    say(f'  curl -H "X-API-Key: $KEY" {api.address}/api/v1/automl/jobs')
    say(f'  curl -H "X-API-Key: $KEY" -F file=@yours.csv {api.address}/api/v1/automl/datasets')
    say(f"""  curl -H "X-API-Key: $KEY" -H 'Content-Type: application/json' -d '{few}' {api.address}{predict_path}""")


# --- watching a training ----------------------------------------------------------------------------------------------


def watch(api: Api, job: str) -> None:
    """Show progress and leaderboard until the job has ended."""
    show = live_view() if sys.stdout.isatty() else plain_view()
    next(show)
    while True:
        status = api.get(f"/api/v1/automl/jobs/{job}/status")
        show.send((status, api.get(f"/api/v1/automl/jobs/{job}/metrics")))
        if status["status"] not in {"queued", "running"}:
            show.close()
            return
        time.sleep(1)


def plain_view() -> Iterator[None]:
    """A line whenever something changed that is worth one, and the leaderboard at the end."""
    shown = None
    while True:
        status, metrics = yield
        done = sum(row["rank"] is not None for row in metrics["leaderboard"])
        news = (status["status"], int(status["progress"] * 10), metrics["bestModel"], metrics["valScore"], done)
        if news != shown:
            shown = news
            best = f", best {metrics['bestModel']} {metrics['valScore']:.4f}" if metrics["bestModel"] else ""
            say(f"{status['status']:<10}{status['progress']:>4.0%}, {len(metrics['leaderboard'])} trials{best}")
        if status["status"] == "completed":
            say(f"\n{'rank':<6}{'model':<14}{metrics['metric']:<12}folds")
            for row in metrics["leaderboard"][:8]:
                score = "-" if row["score_val"] is None else f"{row['score_val']:.4f}"
                say(f"{row['rank'] or '-':<6}{row['model']:<14}{score:<12}{row['folds']}/{row['n_folds']}")


def live_view() -> Iterator[None]:
    """A bar and a table that are drawn anew in place."""
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    with Live(refresh_per_second=4) as live:
        while True:
            status, metrics = yield
            table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
            for name in ("rank", "model", metrics["metric"] or "score", "fit s", "folds"):
                table.add_column(name, justify="left" if name == "model" else "right")
            for row in metrics["leaderboard"][:8]:
                score = "" if row["score_val"] is None else f"{row['score_val']:.4f}"
                folds = f"{row['folds']}/{row['n_folds']}"
                table.add_row(str(row["rank"] or "-"), row["model"], score, f"{row['fit_time']:.1f}", folds)
            filled = round(60 * status["progress"])
            bar = f"{'━' * filled}{'╌' * (60 - filled)} {status['status']} {status['progress']:.0%}"
            live.update(Group(Text(bar), table))


# --- the server -------------------------------------------------------------------------------------------------------


def make_key(data: Path) -> str:
    step("Key", f"athanor keys create first-run --data {data}")
    command = [*ATHANOR, "keys", "create", "first-run", "--data", str(data)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        sys.exit(made.stderr)
    say("It is printed once, alone, so that a script can keep it")
    return made.stdout.strip()


@contextmanager
def a_server(data: Path, port: int) -> Iterator[str]:
    """A server over the data folder, ready; ended with the block."""
    address = f"http://127.0.0.1:{port}"
    log = data / "server.log"
    step("Server", f"athanor serve --port {port} --data {data}")
    command = [*ATHANOR, "serve", "--host", "127.0.0.1", "--port", str(port), "--data", str(data)]
    with log.open("ab") as written:
        # A session of its own: Ctrl-C is for this program, which then ends the server.
        nowhere = subprocess.DEVNULL
        server = subprocess.Popen(command, stdin=nowhere, stdout=written, stderr=written, start_new_session=True)
    try:
        wait_until_ready(server, address, log)
        say(f"Server and worker run; their log is {log}")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(END_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    until = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < until:
        try:
            with urlopen(f"{address}/readyz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    last_words = "\n".join(log.read_text().splitlines()[-5:])
    sys.exit(f"The server did not start. The end of {log}:\n{last_words}")


def free_port(wanted: int) -> int:
    """The wanted port, or any other where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return wanted


# --- words ------------------------------------------------------------------------------------------------------------


def step(name: str, what: str) -> None:
    print(f"\n== {name}: {what}", flush=True)


def say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
