"""Measure how fast training is: `make bench`, or `python tools/bench.py --help`, about seven minutes.

In: params.yaml (runtime and models) and, where it is there, a prepared view of CIFAR-10. Out: tables, and
with --write a JSON file. Roles that are compared:

    usual       the loop of most public CIFAR code: one image at a time through PIL, two loader workers, fp32
    ours_fp32   our Trainer in fp32
    ours        our Trainer as shipped (bf16)
    limit_fp32  the model alone on one batch that stays: forward, backward and optimizer step, in fp32
    limit       the same in bf16

Each role is a process of its own; they compute in turns, in rounds that rotate the order, and are compared
within a round, so that a machine that slows down slows all of them. Every round has new processes: where a
process happens to lie in memory makes it faster or slower by some per cent for as long as it lives. A round
in which other processes took processor time is repeated. Validation and checkpoints are in no figure.
"""

import argparse
import io
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Self, TypeVar

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn, optim
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, RandomSampler

from lineup import runtime
from lineup.config.params import load, nearest
from lineup.config.schema import Family, Params
from lineup.console import Progress, stage
from lineup.data.pack import Pack, read_pack
from lineup.environment import describe_environment
from lineup.errors import LineupError
from lineup.files import write_text
from lineup.inference import to_batch
from lineup.models import rebuild
from lineup.precision import keep_depthwise_in_fp32
from lineup.tasks import classification
from lineup.training.checkpoint import Checkpoint
from lineup.training.fit import Trainer, load_optimizer
from lineup.training.seeds import describe_model

VIEW = Path("data/views/rgb_20/learn.safetensors")
MADE_UP_IMAGES = 50_000
BATCH = 128
WORKERS = 2

# What is trained: the model of params.yaml, and the optimizer that its kind is usually trained with.
ADAM = {"optimizer": "adam", "lr": 0.001, "momentum": 0.9, "weight_decay": 0.0}
SGD = {"optimizer": "nesterov", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0005}
MODELS: dict[str, tuple[Family, dict[str, Any]]] = {"d3": ("cnn", ADAM), "resnet18": ("timm", SGD)}

# How it is trained, in the roles that are ours: the augmentation of the usual loop and nothing else.
RECIPE = {
    "epochs": 1, "batch_size": BATCH, "schedule": {"name": "constant"}, "smoothing": 0.0, "ema": 0.0,
    "patience": 0, "keep": "last", "trainable": "all", "phases": {},
}  # fmt: skip
CROP = 4
AUGMENTATION = {
    "flip": "random", "crop": CROP, "rotate": 0.0, "shift": [0.0, 0.0], "fill": "zeros", "cutout": 0,
    "jitter": [0.0, 0.0, 0.0, 0.0],
}  # fmt: skip

# Ratios that are shown, and the least that each should be.
GOALS = {
    ("ours", "limit"): 0.95,
    ("ours_fp32", "limit_fp32"): 0.95,
    ("ours", "usual"): 2.5,
    ("ours_fp32", "usual"): 1.5,
}

# The convolution that shows what the processor can do; smaller sides keep bf16 matrix units waiting.
PEAK_BATCH, PEAK_CHANNELS, PEAK_SIDE = 64, 256, 16
PEAK_FLOPS = PEAK_BATCH * PEAK_SIDE**2 * PEAK_CHANNELS**2 * 3**2 * 2

WARM_STEPS = 5  # the first ones prepare kernels and memory
SETTLE_SECONDS = 0.3  # after a turn: loader workers fill their queue, idle threads stop spinning
STOP_SECONDS = 10.0  # for a process to end by itself
OTHERS_ALLOWED = 0.05  # of one core, beside the benchmark, in a round that counts

Advance = Callable[[int], object]
Role = TypeVar("Role")


@dataclass(frozen=True)
class Job:
    """What the child process of a role computes, in plain values."""

    role: str
    device: str
    threads: int
    view: Path | None  # None: made-up images
    facts: Mapping[str, Any]  # of the model, as in model.json
    optimizer: Mapping[str, Any]

    @property
    def precision(self) -> str:
        """What the role computes in."""
        return "fp32" if self.role == "usual" or self.role.endswith("fp32") else "bf16"


# --- the roles: each prepares and returns a function that computes so many steps ------------------------


class SingleImages(Dataset[tuple[Tensor, int]]):
    """Images as torchvision.datasets.CIFAR10 gives them: through PIL, one at a time, with its transforms."""

    def __init__(self, pack: Pack) -> None:
        from torchvision import transforms

        chosen = ~pack.held_out
        self.images, self.labels = pack.images[chosen].numpy(), pack.labels[chosen].tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(self.images.shape[1], padding=CROP),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(*([v / 255 for v in part] for part in (pack.mean, pack.std))),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        image: Tensor = self.transform(Image.fromarray(self.images[index]))
        return image, self.labels[index]


def prepare_usual(job: Job) -> Advance:
    """The usual loop, with torch's own defaults for everything."""
    device = torch.device(job.device)
    images = SingleImages(load_pack(job.view))
    # An epoch that does not end, so that no turn holds the start of the workers.
    sampler = RandomSampler(images, num_samples=len(images) * 10**6)
    batches = iter(DataLoader(images, BATCH, sampler=sampler, num_workers=WORKERS))
    model = rebuild(dict(job.facts)).net.to(device).train()
    optimizer = build_plain(model, **job.optimizer)

    def advance(steps: int) -> None:
        total = 0.0
        for inputs, labels in islice(batches, steps):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(inputs.to(device)), labels.to(device))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()

    return advance


def prepare_ours(job: Job) -> Advance:
    """Our Trainer, over epochs that it draws itself."""
    runtime.start(job.threads)
    trainer = Trainer(
        rebuild(dict(job.facts)),
        load_pack(job.view),
        classification,
        recipe={**RECIPE, **job.optimizer, "precision": job.precision},
        augmentation=AUGMENTATION,
        seed=0,
        device=torch.device(job.device),
        channels_last=job.facts["channels_last"],
        checkpoint=Checkpoint(Path("unused"), ""),
        label=job.role,
    )
    trainer._start_phase(0, None)
    progress = Progress(job.role, 1, len(trainer.train["ids"]), stream=io.StringIO())
    everything = trainer.train

    def advance(steps: int) -> None:
        trainer.saved_at = time.monotonic()
        for batches in split_epochs(steps, len(everything["ids"]) // BATCH):
            # As many images as the steps take, so that an epoch's draws weigh what they do in a whole one.
            trainer.train = {name: tensor[: batches * BATCH] for name, tensor in everything.items()}
            trainer.batches, trainer.position.step = batches, 0
            trainer._train_epoch(progress)
            trainer.position.done += 1

    return advance


def build_plain(model: nn.Module, *, optimizer: str, lr: float, momentum: float, weight_decay: float) -> Any:
    """The optimizer as most code builds it, with torch's own choice of implementation."""
    if optimizer == "adam":
        return optim.Adam(model.parameters(), lr, (momentum, 0.999), weight_decay=weight_decay)
    return optim.SGD(model.parameters(), lr, momentum, weight_decay=weight_decay, nesterov=True)


def build_ours(model: nn.Module, *, optimizer: str, **options: float) -> Any:
    """The optimizer as our Trainer builds it."""
    return load_optimizer(optimizer).build(model, **options)


def split_epochs(steps: int, longest: int) -> list[int]:
    """The lengths of the epochs that together have so many steps."""
    whole, rest = divmod(steps, longest)
    return [longest] * whole + [rest] * (rest > 0)


def prepare_limit(job: Job) -> Advance:
    """What the model alone costs at our settings: no data, no augmentation, no bookkeeping."""
    runtime.start(job.threads)
    device = torch.device(job.device)
    pack = load_pack(job.view)
    images = to_batch(pack.images[:BATCH].to(device), job.facts["channels_last"])
    labels = pack.labels[:BATCH].to(device)
    layout = torch.channels_last if job.facts["channels_last"] else torch.contiguous_format
    model = rebuild(dict(job.facts)).to(device).to(memory_format=layout).train()
    if device.type == "cpu" and job.precision == "bf16":
        keep_depthwise_in_fp32(model)
    optimizer = build_ours(model, **job.optimizer)

    def advance(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            with runtime.autocast(job.precision, device):
                outputs = model(images)
                loss = classification.loss(outputs, images, labels, smoothing=0.0)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return advance


def prepare_peak(job: Job) -> Advance:
    """One convolution, channels last, over and over."""
    runtime.start(job.threads)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[job.precision]
    conv = nn.Conv2d(PEAK_CHANNELS, PEAK_CHANNELS, 3, padding=1, bias=False, device=job.device, dtype=kind)
    images = torch.randn(PEAK_BATCH, PEAK_CHANNELS, PEAK_SIDE, PEAK_SIDE, device=job.device, dtype=kind)
    conv, images = conv.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def advance(steps: int) -> None:
        for _ in range(steps):
            conv(images)

    return advance


ROLES = ("usual", "ours_fp32", "ours", "limit_fp32", "limit")
PEAKS = ("peak_fp32", "peak_bf16")
PREPARE = dict(
    zip(ROLES, (prepare_usual, prepare_ours, prepare_ours, prepare_limit, prepare_limit), strict=True)
) | dict.fromkeys(PEAKS, prepare_peak)


def load_pack(view: Path | None) -> Pack:
    """The prepared view, or noise of the same shape, of which a fifth is held out too."""
    if view:
        return read_pack(view)
    numbers = torch.Generator().manual_seed(0)
    images = torch.randint(256, (MADE_UP_IMAGES, 32, 32, 3), dtype=torch.uint8, generator=numbers)
    ids = torch.arange(MADE_UP_IMAGES)
    return Pack(images, ids % 10, ids, ids % 5 == 0, tuple("0123456789"), *((0.0,) * 3, (255.0,) * 3) * 2)


# --- a process a role ---------------------------------------------------------------------------------


def serve(connection: Connection, job: Job) -> None:
    """Compute as many steps as the parent asks for, again and again, and answer with the seconds taken."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this process
    torch.manual_seed(0)
    advance = PREPARE[job.role](job)
    for steps in iter(connection.recv, None):
        advance(1 + steps // 8)  # drains what loader workers did while others had their turn
        finish(job.device)
        began = time.perf_counter()
        advance(steps)
        finish(job.device)
        connection.send(time.perf_counter() - began)


def finish(device: str) -> None:
    """Wait for an accelerator to have done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


class Child:
    """The process of one role; a context, at whose end it is gone."""

    def __init__(self, job: Job) -> None:
        # A server that has imported everything forks each child, which spares seconds a child.
        context = get_context("forkserver")
        context.set_forkserver_preload(["lineup.training.seeds", "torchvision.transforms", "torch._dynamo"])
        self.role = job.role
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, job))
        self.process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self.connection.send(None)
        self.process.join(STOP_SECONDS)
        self.process.terminate()
        self.process.join()
        self.connection.close()

    def measure(self, steps: int) -> float:
        """The seconds that so many steps take. Raises LineupError if the process has died."""
        try:
            self.connection.send(steps)
            seconds: float = self.connection.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            found = f"its process ended with status {self.process.exitcode}"
            raise LineupError(
                f"bench: {self.role}", found, "a measurement", "see above, or free memory"
            ) from error
        time.sleep(SETTLE_SECONDS)
        return seconds

    def choose_steps(self, seconds: float) -> int:
        """How many steps last about so many seconds."""
        steps = 1
        while (took := self.measure(steps)) < seconds / 4:
            steps *= 2
        return max(1, round(steps * seconds / took))


# --- rounds -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    """Steps a second of each role, and the processor time that others took, in cores."""

    speeds: Mapping[str, float]
    others: float


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the rounds' figures."""

    median: float
    minimum: float
    maximum: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Self:
        """The spread of `figures`."""
        return cls(median(figures), min(figures), max(figures))

    def __str__(self) -> str:
        digits = ".2f" if self.median < 100 else ",.0f"
        return f"{self.median:{digits}} ({self.minimum:{digits}} to {self.maximum:{digits}})"


def measure(name: str, jobs: Sequence[Job], rounds: int, seconds: float) -> list[Round]:
    """Rounds with turns of so many seconds, until so many were quiet; at most twice as many."""
    done: list[Round] = []
    steps: dict[str, int] = {}
    for turns in islice(rotate(jobs), 2 * rounds):
        with ExitStack() as stack:
            children = [stack.enter_context(Child(job)) for job in turns]
            for child in children:
                child.measure(WARM_STEPS)
                if child.role not in steps:
                    steps[child.role] = child.choose_steps(seconds)
            done.append(measure_round(children, steps))
        note = "" if is_quiet(done[-1]) else f": others used {done[-1].others:.2f} cores"
        print(f"{name}: round {len(done)}{note}", file=sys.stderr, flush=True)
        if sum(map(is_quiet, done)) == rounds:
            break
    return done


def measure_round(turns: Sequence[Child], steps: Mapping[str, int]) -> Round:
    """One turn of each, of so many steps."""
    began, others = time.monotonic(), read_others()
    speeds = {child.role: steps[child.role] / child.measure(steps[child.role]) for child in turns}
    return Round(speeds, (read_others() - others) / (time.monotonic() - began))


def rotate(roles: Sequence[Role]) -> Iterator[list[Role]]:
    """The order of each round: everyone comes first, and last, equally often."""
    for first in count():
        start = first % len(roles)
        yield [*roles[start:], *roles[:start]]


def is_quiet(each: Round) -> bool:
    """Whether a round counts without reserve."""
    return each.others <= OTHERS_ALLOWED


def keep_quietest(done: Sequence[Round], rounds: int) -> list[Round]:
    """So many rounds: those that were quiet and, if they are too few, the least disturbed."""
    return sorted(done, key=lambda each: max(each.others, OTHERS_ALLOWED))[:rounds]


def compare(rounds: Sequence[Round], role: str, other: str) -> Spread:
    """How many times as fast as `other` the `role` is, round by round."""
    return Spread.of([each.speeds[role] / each.speeds[other] for each in rounds])


# --- who else computes ----------------------------------------------------------------------------------

PROC = Path("/proc")  # Linux only; elsewhere nothing is known of others


def read_others() -> float:
    """Seconds of processor time since the start of the machine that were not this benchmark's."""
    if not (PROC / "stat").exists():
        return 0.0
    # See proc(5): user, nice, system, idle, iowait, irq, softirq, steal; the first two hold guests' time.
    user, nice, system, _, _, irq, softirq, steal = map(int, (PROC / "stat").read_text().split()[1:9])
    ticks = user + nice + system + irq + softirq + steal - _sum_own(_read_processes(), os.getpid())
    return ticks / os.sysconf("SC_CLK_TCK")


def _read_processes() -> dict[int, tuple[int, int]]:
    """Each process's parent and its clock ticks, those of children it has waited for included."""
    found = {}
    for path in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            found[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found


def _sum_own(processes: Mapping[int, tuple[int, int]], process: int) -> int:
    """The ticks of `process` and of all that descend from it."""
    children = [number for number, (parent, _) in processes.items() if parent == process]
    return processes[process][1] + sum(_sum_own(processes, child) for child in children)


# --- the report -----------------------------------------------------------------------------------------


def summarise(done: Sequence[Round], rounds: int, unit: str, scale: float) -> dict[str, Any]:
    """The figures of so many `rounds` of those `done`, for the file; a step counts `scale` of the unit."""
    kept = keep_quietest(done, rounds)
    roles = [role for role in PREPARE if role in kept[0].speeds]
    return {
        unit: {role: Spread.of([each.speeds[role] * scale for each in kept]) for role in roles},
        "ratios": {"/".join(pair): compare(kept, *pair) for pair in GOALS if {*pair} <= {*roles}},
        "rounds": rounds,
        "repeated_rounds": len(done) - rounds,
        "disturbed_rounds": sum(not is_quiet(each) for each in kept),
    }


def tabulate_speeds(results: Mapping[str, Mapping[str, Any]], unit: str, title: str) -> Table:
    """A table with a row a role and a column a model."""
    table = Table("role", *results, title=title)
    for role in next(iter(results.values()))[unit]:
        table.add_row(role, *(str(result[unit][role]) for result in results.values()))
    return table


def tabulate_ratios(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """A table with a row a ratio, its goal, and a column a model; misses are red."""
    table = Table("ratio", "goal", *results, title="Ratios within a round: median (smallest to largest)")
    for (role, other), goal in GOALS.items():
        ratios = [result["ratios"][f"{role}/{other}"] for result in results.values()]
        cells = [f"[{'green' if each.median >= goal else 'red'}]{each}[/]" for each in ratios]
        table.add_row(f"{role} / {other}", f"≥ {goal}", *cells)
    return table


def describe_conditions(report: Mapping[str, Any]) -> str:
    """What a reader must know beside the tables."""
    results, environment = {**report["models"], "peak": report["peak"]}, report["environment"]
    others = ", ".join(
        f"{name} {result['disturbed_rounds']} of {result['rounds']}" for name, result in results.items()
    )
    return (
        f"Batch {BATCH}; images: {report['images']}; {environment['device']}, {environment['processor']}, "
        f"{environment['threads']} threads. Rounds that other processes "
        f"disturbed: {others if report['others_checked'] else 'not known on this system'}."
    )


def show(report: Mapping[str, Any]) -> None:
    """Print the tables."""
    console, unit = Console(), "images_per_second"
    title = "Training, images a second: median (smallest to largest)"
    console.print(tabulate_speeds(report["models"], unit, title))
    console.print(tabulate_ratios(report["models"]))
    title = f"Peak, GFLOP/s: a 3x3 convolution, {PEAK_CHANNELS} to {PEAK_CHANNELS} channels"
    console.print(tabulate_speeds({"": report["peak"]}, "gflops", title))
    console.print(describe_conditions(report))


# --- the command ----------------------------------------------------------------------------------------


def main(*words: str) -> None:
    """Measure what the command line asks for."""
    asked, params, threads = parse(words), load(), torch.get_num_threads()
    device = runtime.choose_device(params.runtime.device)
    models = {}
    for name in asked.models:
        done = measure(name, list_jobs(name, params, device, threads), asked.rounds, asked.seconds)
        models[name] = summarise(done, asked.rounds, "images_per_second", BATCH)
    peaks = [Job(role, device.type, threads, None, {}, {}) for role in PEAKS]
    done = measure("peak", peaks, asked.rounds, asked.seconds)
    report = {
        "images": describe_images(),
        "models": models,
        "peak": summarise(done, asked.rounds, "gflops", PEAK_FLOPS / 1e9),
        "others_checked": (PROC / "stat").exists(),
        "environment": describe_environment(device),
    }
    show(report)
    if asked.write:
        write_text(asked.write, json.dumps(report, indent=2, default=_plain) + "\n")


def _plain(spread: Spread) -> dict[str, float]:
    return {name: round(value, 4) for name, value in vars(spread).items()}


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options. Raises LineupError where a value makes no sense."""
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of turns (7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a turn (3)")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help=f"from {', '.join(MODELS)} (all)")
    parser.add_argument("--write", type=Path, metavar="PATH", help="where to write the figures as JSON")
    asked = parser.parse_args(words)
    for name in asked.models:
        if name not in MODELS:
            raise LineupError("--models", repr(name), f"one of {', '.join(MODELS)}", nearest(name, MODELS))
    for option in ("rounds", "seconds"):
        if not 0 < getattr(asked, option) < math.inf:
            found = str(getattr(asked, option))
            raise LineupError(f"--{option}", found, "a number above 0", "change it or leave it out")
    return asked


def list_jobs(name: str, params: Params, device: torch.device, threads: int) -> list[Job]:
    """The roles of the model `name`, all with so many threads.

    Raises LineupError if params.yaml does not have the model.
    """
    family, optimizer = MODELS[name]
    specs, view = params.models.get(family, {}), find_view()
    if name not in specs:
        fix = "add the model, or leave it out with --models"
        raise LineupError(f"params.yaml: models.{family}.{name}", "missing", "the model to measure", fix)
    facts = describe_model(
        load_pack(view),
        task="classification",
        family=family,
        spec=specs[name].model_dump(),
        recipe={"precision": "as the role asks", "threads": threads},
        channels_last=params.runtime.channels_last,
    )
    return [Job(role, device.type, threads, view, facts, optimizer) for role in ROLES]


def find_view() -> Path | None:
    """The prepared view, if it is there."""
    return VIEW.absolute() if VIEW.exists() else None


def describe_images() -> str:
    """What is trained on."""
    return str(VIEW) if find_view() else f"made up, since {VIEW} is not there"


if __name__ == "__main__":
    stage(main)
