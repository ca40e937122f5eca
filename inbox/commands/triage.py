"""``kip triage``: train, evaluate and use the classifier from the command line."""

import csv
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.errors import InboxError
from inbox.triage import starter
from inbox.triage.model import TriageModel
from inbox.triage.prediction import LEVELS, Example, Prediction

if TYPE_CHECKING:
    from inbox.triage.training import Trained

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_LONGEST_CELL = 10_000_000  # characters; the csv module refuses more than 131,072 by default

text_option = click.option(
    "--text", default="text", show_default=True, help="Column of the text."
)
type_option = click.option(
    "--type",
    "request_type",
    default="request_type",
    show_default=True,
    help="Column of the type.",
)
urgency_option = click.option(
    "--urgency",
    default=None,
    help="Column of the urgency (low, normal, high, urgent); 'urgency' is used if present.",
)
data_option = click.option(
    "--data", type=_FILE, required=True, help="CSV with a header row; .tsv: tabs, no quoting."
)


@click.group()
def triage() -> None:
    """Train, evaluate and use the classifier of request types and urgency."""


@triage.command()
@data_option
@click.option("--out", type=_FOLDER, required=True, help="Directory for the model.")
@text_option
@type_option
@urgency_option
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
def train(
    data: Path, out: Path, text: str, request_type: str, urgency: str | None, as_json: bool
) -> None:
    """Train from labelled rows and print the evaluation.

    Each message is evaluated by a model that had not seen it (five folds). A column named
    "subject" is read if there is one. Rows without a type are left out.
    """
    # scikit-learn takes two seconds to load: only here.
    from inbox.triage.training import train as fit

    try:
        examples = _read(data, text, request_type, urgency)
        trained = fit(examples)
        sha256 = trained.model.save(out)
    except InboxError as error:
        raise click.ClickException(error.message) from error
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}.") from error
    if as_json:
        click.echo(json.dumps({"model": str(out), "sha256": sha256, **trained.evaluation}))
    else:
        _report(trained, out, sha256)


@triage.command()
@click.option(
    "--model", "directory", type=_FOLDER, required=True, help="Directory of the model."
)
@data_option
@text_option
@type_option
@urgency_option
@click.option("--json", "as_json", is_flag=True, help="Accepted for symmetry; always JSON.")
def evaluate(
    directory: Path,
    data: Path,
    text: str,
    request_type: str,
    urgency: str | None,
    as_json: bool,
) -> None:
    """Evaluate a model on labelled rows and print JSON."""
    from inbox.triage.evaluate import evaluate_model

    del as_json
    try:
        model = TriageModel.load(directory)
        figures = evaluate_model(model, _read(data, text, request_type, urgency))
    except InboxError as error:
        raise click.ClickException(error.message) from error
    click.echo(json.dumps(figures, ensure_ascii=False, indent=2))


@triage.command()
@click.option("--model", "directory", type=_FOLDER, help="Directory; without it, the starter.")
def predict(directory: Path | None) -> None:
    """Read one JSON object a line ({"id", "subject", "text"}) and answer one a line.

    The shipped starter model answers without --model; it asks for review every time,
    because nothing has been measured on your messages yet.
    """
    try:
        model = TriageModel.load(directory) if directory else _starter()
        for number, line in enumerate(sys.stdin.buffer, start=1):
            if line.strip():
                _answer(model, number, line)
    except InboxError as error:
        raise click.ClickException(error.message) from error


def _answer(model: TriageModel, number: int, line: bytes) -> None:
    request = _request(number, line)
    said = model.predict(request.get("subject") or "", request.get("text") or "")
    answer = json.dumps(as_json_object(request.get("id"), said), ensure_ascii=False)
    # A lone half of a surrogate pair goes out as the escape it came in as.
    sys.stdout.buffer.write(answer.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def as_json_object(identity: Any, said: Prediction) -> dict[str, Any]:
    """Return a prediction with the keys of ``kip triage predict``."""
    return {
        "id": identity,
        "request_type": said.request_type,
        "request_type_confidence": round(said.request_type_confidence, 4),
        "urgency": said.urgency,
        "urgency_confidence": round(said.urgency_confidence, 4),
        "why": [{"term": term.term, "weight": round(term.weight, 3)} for term in said.why],
        "needs_review": said.needs_review,
    }


def _request(number: int, line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise click.ClickException(f"Line {number} is not JSON: {error}") from error
    if not isinstance(request, dict) or not all(
        isinstance(request.get(key, ""), str | None) for key in ("subject", "text")
    ):
        raise click.ClickException(f"Line {number} must be an object with a string 'text'.")
    return request


def _starter() -> TriageModel:
    """Load the starter, training it first where it is missing."""
    directory = starter.location()
    if starter.is_current(directory):
        return TriageModel.load(directory)
    click.echo("Training the starter model first; this takes a few seconds.", err=True)
    try:
        return TriageModel.load(starter.ensure(directory))
    except InboxError as error:
        click.echo(f"{error.message} Using a temporary one.", err=True)
    with tempfile.TemporaryDirectory() as scratch:
        return TriageModel.load(starter.ensure(Path(scratch) / "starter"))


def _read(data: Path, text: str, request_type: str, urgency: str | None) -> list[Example]:
    """Read the labelled rows; an urgency column that was not asked for may be missing."""
    examples = []
    left_out = 0
    for row in _rows(data, {text, request_type} | ({urgency} if urgency else set())):
        level = (row.get(urgency or "urgency") or "").strip().lower() or None
        if level is not None and level not in LEVELS:
            raise InboxError(
                f"Unknown urgency {level!r} in {data.name}: use {', '.join(LEVELS)}."
            )
        label = (row[request_type] or "").strip()
        if not label:
            left_out += 1
            continue
        examples.append(
            Example(
                text=row[text] or "",
                subject=row.get("subject") or "",
                request_type=label,
                urgency=level,
            )
        )
    if left_out:
        click.echo(f"{left_out} rows without a type were left out.", err=True)
    if not examples:
        raise InboxError(f"{data.name} holds no labelled rows.")
    return examples


def _rows(data: Path, wanted: set[str]) -> Iterator[dict[str, str | None]]:
    csv.field_size_limit(_LONGEST_CELL)
    tabs = data.suffix.lower() == ".tsv"
    try:
        with data.open(encoding="utf-8-sig", newline="") as stream:
            if tabs:
                reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            else:
                reader = csv.DictReader(stream)
            missing = sorted(wanted - set(reader.fieldnames or ()))
            if missing:
                raise InboxError(
                    f"{data.name} has no column {missing[0]!r};"
                    f" it has: {', '.join(reader.fieldnames or ()) or 'none'}."
                )
            yield from reader
    except UnicodeDecodeError as error:
        raise InboxError(f"{data.name} is not UTF-8: {error}.") from error
    except csv.Error as error:
        raise InboxError(f"{data.name} cannot be read as a table: {error}.") from error


def _report(trained: "Trained", out: Path, sha256: str) -> None:
    figures = trained.evaluation
    automatic = trained.model.thresholds.auto_from
    lines = [
        f"{figures['messages']} messages evaluated, each by a model that had not seen it",
        f"accuracy {_share(figures['accuracy'])}   macro-F1 {_share(figures['macro_f1'])}"
        f"   calibration error {figures['calibration_error']:.3f}",
        f"{'type':<28}{'precision':>10}{'recall':>8}{'messages':>10}",
    ]
    lines += [
        f"{key:<28}{_share(scores['precision']):>10}{_share(scores['recall']):>8}"
        f"{scores['support']:>10}"
        for key, scores in figures["by_type"].items()
    ]
    if urgency := figures["urgency"]:
        lines.append(
            f"urgency: mean cost {urgency['mean_cost']}, {urgency['top_level']} found in"
            f" {_share(urgency['top_recall'])}, agreement {urgency['weighted_kappa']:.2f}"
        )
    lines.append(
        "every prediction needs review: too few messages to trust it alone"
        if automatic is None
        else f"from confidence {automatic:.2f} a type stands alone:"
        f" {_share(figures['coverage'])} of messages"
    )
    click.echo("\n".join([*lines, f"model in {out}, sha256 {sha256}"]))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
