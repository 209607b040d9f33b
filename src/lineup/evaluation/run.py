"""Scoring every seed of a run, and what that leaves behind."""

import json
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from lineup.alarm import find_in_answers
from lineup.components import name_evaluator
from lineup.data.dataset import ImageDataset, read_dataset
from lineup.environment import describe_environment
from lineup.evaluation.cost import measure_cost, measure_latency
from lineup.evaluation.filters import plot_filters
from lineup.evaluation.outcomes import write_outcomes
from lineup.evaluation.predictions import digest_ids, write_predictions
from lineup.evaluation.saved import load_seed
from lineup.evaluation.scoring import (
    Evaluator,
    Sample,
    SeedScores,
    choose_samples,
    collect_kept,
    collect_predictions,
)
from lineup.evaluation.summary import confusion_csv, detail_run, summarize_run
from lineup.evaluation.variations import plot_variations
from lineup.files import write_text
from lineup.inference import predict
from lineup.models.record import read_record, read_seed
from lineup.runtime import choose_device, start
from lineup.settings.run import Augmentation, Run
from lineup.training.augment import augment, sample_epoch

BATCH = 128
EXAMPLES, EPOCHS_SHOWN = 10, 4


def evaluate_run(run: Run, models: Path, view: Path) -> None:
    """Score every seed in the folder `models` on the images of `view`, and write what was found."""
    evaluator: Evaluator = import_module(name_evaluator(run.task))
    record = read_record(models)
    start(record.threads)
    device = choose_device(run.device)
    learn = read_dataset(view / "learn.safetensors")
    samples = choose_samples(learn, read_dataset(view / "test.safetensors"))
    trained = {seed: load_seed(models, record, seed, device) for seed in record.seeds}
    apply = partial(
        predict,
        precision=record.precision,
        device=device,
        channels_last=record.channels_last,
        flip=run.tta == "flip",
    )
    in_batches = partial(apply, batch_size=BATCH)
    scores = {
        seed: evaluator.score_seed(in_batches, model, learn, samples, f"{run.name} seed {seed}")
        for seed, model in trained.items()
    }
    first = record.seeds[0]
    model, images = trained[first], samples["test"].images
    # A rebuilt model no longer knows what was frozen.
    trainable = list(read_seed(models, first).trainable.values())[-1]
    cost = {"trainable_parameters": trainable, **measure_cost(model, images[:1], device)}
    write_scores(run.name, evaluator, scores, samples, learn.classes, cost)
    pictures = Path("plots/pictures") / run.name
    evaluator.draw(in_batches, model, scores[first], samples, learn.classes, pictures)
    plot_filters(model.net, pictures / "filters.png")
    plot_augmentation(learn, run.augmentation, pictures / "augmented.png")
    latency = measure_latency(partial(apply, model), images, BATCH)
    write_json(f"metrics/latency/{run.name}.json", {**latency, "environment": describe_environment(device)})


def plot_augmentation(learn: ImageDataset, options: Augmentation, path: Path) -> None:
    """Draw what augmentation makes of some training images, unless it leaves them as they are."""
    places = torch.arange(EXAMPLES) * len(learn.ids) // EXAMPLES + len(learn.ids) // (2 * EXAMPLES)
    images, ids, blank = learn.images[places], learn.ids[places], torch.tensor(learn.channel_mean)
    draws = [sample_epoch(0, epoch, ids, options.flip) for epoch in range(EPOCHS_SHOWN)]
    variations = [augment(images, draw, blank=blank, **vars(options)) for draw in draws]
    if not all(torch.equal(varied, images) for varied in variations):
        plot_variations(images, variations, path)


def write_scores(
    run: str,
    evaluator: Evaluator,
    scores: Mapping[int, SeedScores],
    samples: Mapping[str, Sample],
    classes: tuple[str, ...],
    cost: Mapping[str, int],
) -> None:
    """Write every figure that is the same whenever the same weights are scored."""
    predictions = collect_predictions(scores, samples, classes)
    write_predictions(predictions, Path(f"data/predictions/{run}.safetensors"), collect_kept(scores))
    outcomes, ids = torch.stack([seed.outcomes for seed in scores.values()]), samples["test"].ids
    write_outcomes(list(scores), digest_ids(ids), outcomes, Path(f"metrics/outcomes/{run}.safetensors"))
    mean = summarize_run(scores, len(samples["test"].ids), cost, evaluator)
    write_json(f"metrics/runs/{run}.json", {name: mean[name] for name in evaluator.BRIEF})
    alarms = {
        seed: find_in_answers(s.probabilities["val"], samples["val"].labels) for seed, s in scores.items()
    }
    detail = {
        **detail_run(scores, predictions, mean, evaluator),
        "alarms": {str(s): a for s, a in alarms.items() if a},
    }
    write_json(f"metrics/detail/{run}.json", detail)
    write_text(Path(f"plots/confusion/{run}.csv"), confusion_csv(scores, classes))


def write_json(path: str, figures: Mapping[str, Any]) -> None:
    """Write `figures` in their order, for people and for diffs."""
    write_text(Path(path), json.dumps(figures, indent=2, allow_nan=False) + "\n")
