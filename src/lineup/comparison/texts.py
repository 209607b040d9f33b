"""The comparison for people: as Markdown and at a terminal, with short columns and rounded figures."""

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from lineup.comparison import gains
from lineup.comparison.metrics import format_metric, name_metric
from lineup.comparison.reproductions import select_headlines
from lineup.comparison.table import MEASURED, NOT_RUN, Group, group_measured
from lineup.comparison.task import Column, Row, choose_columns
from lineup.comparison.tasks import TASKS
from lineup.reports.protocols import MET, NOTHING_FIXED

# By task and dataset, the lines that say who wins.
Verdicts = Mapping[tuple[str, str], Sequence[str]]
# Columns of words, which stand left.
RUN_TEXTS = ("Run", "From", "Row", "Twin", "Really better", "Most confused", "Probe most confused")
CLAIM_TEXTS = ("Row", "Model", "Metric", "On test", "Protocol", "Run")
# What a terminal of 100 columns has no room for.
WIDE_ONLY = ("F1", "MACs", "SSIM", "Machine")
LONGEST = {"Run": 22, "From": 12}
DEPARTURES_NAMED = 2
CLAIM_HEADS = ("Row", "Model", "Metric", "Claimed (on)", "Ours", "Diff.", "On test", "Protocol", "Run")
TERMINAL_HEADS = ("Row", "Metric", "Claimed (on)", "Ours", "Diff.", "Protocol", "Run")

DECLARED = f"Declared, {NOT_RUN}"
MEANS = (
    "Figures are means over seeds; MACs and ms are of one answer, for which tta: flip sees an image twice."
)
# What columns mean that not every table has.
LEGEND = {
    "From": "From: what the first weights were trained on, or the file that has them.",
    "Row": "Row: the report's model that a run repeats.",
    "Machine": "Machine: what measured ms, which compares with that of the same machine alone.",
}
DELIBERATE = (
    "Protocol leaves out what every run in these rows does on purpose: it holds validation images out of "
    "train, so that nothing is chosen on test, and has fewer training images; it keeps the epoch (of its "
    "last phase) that is best on validation where a report kept the last; and it may compute in bf16. "
    "Where a report validated on the test images, its figures of validation stand beside ours of test. Our "
    "figures of train are those of the kept weights, without augmentation and dropout; a report's may be its "
    "library's running ones, which plots/curves has of ours."
)


def format_markdown(
    table: Sequence[Row], reproductions: Sequence[Row], verdicts: Verdicts, gained: gains.Gains
) -> str:
    """A table for each task and dataset, the runs that wait, and the reports' claims beside ours."""
    parts: list[str] = []
    for group in group_measured(table):
        parts += [f"### {group.title}", _format_runs(group.rows, _list_columns(group))]
        parts.append("\n".join(f"- {line}" for line in verdicts[group.task.name, group.dataset]))
        parts += [_explain(group), *_format_gains(group, gained), _format_more(group)]
    parts += [text for text in (describe_alarms(table), describe_waiting(table)) if text]
    if any(row["run"] for row in reproductions):
        parts += [
            "### The reports' claims",
            _format_claims(table, select_headlines(reproductions)),
            DELIBERATE,
        ]
    return "\n\n".join(parts) + "\n"


def print_tables(
    table: Sequence[Row], reproductions: Sequence[Row], verdicts: Verdicts, console: Console
) -> None:
    """Print measured runs and the claims they are about in at most 100 columns, and what has no run yet."""
    for group in group_measured(table):
        console.print(group.title, style="bold")
        columns = [column for column in _list_columns(group) if column.head not in WIDE_ONLY]
        cells = ([column.text(row) for column in columns] for row in group.rows)
        _print(console, [column.head for column in columns], cells, RUN_TEXTS)
        console.print("\n".join(verdicts[group.task.name, group.dataset]), highlight=False)
    claimed = [row for row in select_headlines(reproductions) if row["status"] == MEASURED]
    if claimed:
        _print(console, TERMINAL_HEADS, map(_shorten_claim, claimed), CLAIM_TEXTS)
    for text in (describe_alarms(table), describe_waiting(table)):
        if text:
            console.print(text)
    missing = {row["row"] for row in reproductions} - {row["row"] for row in claimed}
    if missing:
        console.print(f"{len(missing)} rows of the reports have no result yet: metrics/reproductions.csv")


def describe_alarms(table: Sequence[Row]) -> str:
    """The runs that learned nothing, with what shows it; empty if there are none."""
    alarms = [f"{row['run']} ({row['alarm']})" for row in table if row["alarm"]]
    return f"ALARM, learned nothing: {', '.join(alarms)}." if alarms else ""


def describe_waiting(table: Sequence[Row]) -> str:
    """The declared runs without results, with their rows; empty if there are none."""
    names = [
        f"{row['run']} ({row['row']})" if row["row"] else row["run"]
        for row in table
        if row["run"] and row["status"] == NOT_RUN
    ]
    return f"{DECLARED}: {', '.join(names)}." if names else ""


def score_runs(table: Sequence[Row]) -> dict[str, str]:
    """The headline on test of each measured run, as its task writes it."""
    return {row["run"]: TASKS[row["task"]].score(row) for row in table if row["status"] == MEASURED}


def shorten_protocol(protocol: str | None) -> str:
    """The first departures from a protocol, and how many more there are."""
    departures = (protocol or "").split("; ")
    more = len(departures) - DEPARTURES_NAMED
    return "; ".join(departures[:DEPARTURES_NAMED]) + (f"; and {more} more" if more > 0 else "")


def name_run(row: Row) -> str:
    """The run that stands for a claim, and what it starts from if not from random weights."""
    return f"{row['run']} from {row['origin']}" if row["origin"] else row["run"]


def format_claimed(row: Row) -> str:
    """What a report claims and the images it is about, if any; empty where it gives no figure."""
    if row["claimed"] is None:
        return ""
    images = f" ({row['split']})" if row["split"] else ""
    return f"{format_metric(row['metric'], row['claimed'])}{images}"


def format_ours(row: Row) -> tuple[str, str]:
    """Our figure for a claim, and the difference; `not run yet` and empty where there is none."""
    if row["status"] == NOT_RUN:
        return NOT_RUN, ""
    if row["measured"] is None:
        return "", ""
    ours = format_metric(row["metric"], row["measured"])
    return ours, "" if row["difference"] is None else format_metric(row["metric"], row["difference"], "+")


def _explain(group: Group) -> str:
    """What the columns of a table are."""
    heads = [column.head for column in _list_columns(group)]
    return " ".join([MEANS, *(text for head, text in LEGEND.items() if head in heads), group.task.note])


def _format_gains(group: Group, gained: gains.Gains) -> list[str]:
    """What initial weights gained, where a run starts from some and has a twin."""
    rows = gained[group.task.name, group.dataset]
    if not rows:
        return []
    return [gains.HEADING, _format_runs(rows, gains.list_columns(group.task)), gains.NOTE]


def _format_more(group: Group) -> str:
    """What a page folds away: the cheapest good runs, overfitting, calibration, confusions."""
    front = group.task.front(group.rows) if group.task.front and len(group.rows) > 1 else []
    names = ", ".join(row["run"] for row in front)
    told = [f"Good for their cost (no run with as few MACs is better on test): {names}."] if front else []
    parts = ["<details><summary>More of each run</summary>", *told, _format_runs(group.rows, group.task.more)]
    return "\n\n".join([*parts, "</details>"])


def _list_columns(group: Group) -> list[Column]:
    columns = choose_columns(group.task.brief, group.rows)
    one_machine = len({row["machine"] for row in group.rows}) == 1
    return [column for column in columns if not (column.key == "machine" and one_machine)]


def _format_runs(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    heads = [column.head for column in columns]
    return _format_table(heads, ([column.text(row) for column in columns] for row in rows), RUN_TEXTS)


def _format_claims(table: Sequence[Row], rows: Sequence[Row]) -> str:
    scores = score_runs(table)
    cells = (
        [
            *(row["row"], row["what"], name_metric(row["metric"]), format_claimed(row), *format_ours(row)),
            *(scores.get(row["run"], ""), shorten_protocol(row["protocol"]), name_run(row)),
        ]
        for row in rows
    )
    return _format_table(CLAIM_HEADS, cells, CLAIM_TEXTS)


def _format_table(heads: Sequence[str], rows: Iterator[list[str]], texts: Sequence[str]) -> str:
    lines = [
        "| " + " | ".join(heads) + " |",
        "|" + "|".join("---" if head in texts else "---:" for head in heads) + "|",
        *("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |" for cells in rows),
    ]
    return "\n".join(lines)


def _shorten_claim(row: Row) -> list[str]:
    departures = len(row["protocol"].split("; "))
    counted = "1 departure" if departures == 1 else f"{departures} departures"
    kept = row["protocol"] if row["protocol"] in (MET, NOTHING_FIXED) else counted
    # The images are those of the claim, which names them.
    quantity = name_metric(row["metric"]).rpartition(" ")[2]
    return [row["row"], quantity, format_claimed(row), *format_ours(row), kept, name_run(row)]


def _cut(text: str, longest: int | None) -> str:
    return f"{text[: longest - 1]}…" if longest and len(text) > longest else text


def _print(console: Console, heads: Sequence[str], rows: Iterator[list[str]], texts: Sequence[str]) -> None:
    printed = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for head in heads:
        printed.add_column(head, justify="left" if head in texts else "right", no_wrap=True)
    for cells in rows:
        # Left to itself, rich would cut figures rather than names.
        printed.add_row(*(_cut(text, LONGEST.get(head)) for head, text in zip(heads, cells, strict=True)))
    console.print(printed)
