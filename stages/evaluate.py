"""Score a trained run: `python stages/evaluate.py RUN`.

In: models/RUN, and the two files of its view; this is the only stage that opens test.
Out: metrics/runs, metrics/detail, metrics/latency (RUN.json), metrics/outcomes/RUN.safetensors,
plots/confusion/RUN.csv, plots/pictures/RUN and data/predictions/RUN.safetensors.
"""

import json
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from lineup.config.params import load, pick
from lineup.console import stage
from lineup.data.pack import Pack, read_pack
from lineup.environment import describe_environment
from lineup.evaluation.alarm import find_in_answers
from lineup.evaluation.cost import measure_cost, measure_latency
from lineup.evaluation.filters import draw_filters
from lineup.evaluation.outcomes import write_outcomes
from lineup.evaluation.predictions import digest_ids, write_predictions
from lineup.evaluation.saved import count_trainable, load_seed, read_facts
from lineup.evaluation.scoring import Sample, SeedScores, choose_samples, collect_kept, collect_predictions
from lineup.evaluation.summary import confusion_csv, detail_run, summarize_run
from lineup.evaluation.variations import draw_variations
from lineup.files import write_text
from lineup.inference import predict
from lineup.runtime import choose_device, start
from lineup.training.augment import augment, draw_epoch

BATCH = 128
EXAMPLES, EPOCHS_SHOWN = 10, 4


def main(run: str) -> None:
    """Score every seed of `run` and write what was found."""
    params = load()
    entry = pick(params.runs, run, "runs")
    judge = import_module(f"lineup.judges.{entry.task}")
    folder, view = Path("models") / run, Path("data/views") / entry.view
    facts = read_facts(folder)
    start(facts["threads"])
    device = choose_device(params.runtime.device)
    learn = read_pack(view / "learn.safetensors")
    samples = choose_samples(learn, read_pack(view / "test.safetensors"))
    models = {seed: load_seed(folder, facts, seed, device) for seed in facts["seeds"]}
    apply = partial(
        predict,
        precision=facts["precision"],
        device=device,
        channels_last=facts["channels_last"],
        flip=entry.tta == "flip",
    )
    in_batches = partial(apply, batch_size=BATCH)

    scores = {
        seed: judge.score_seed(in_batches, model, learn, samples, f"{run} seed {seed}")
        for seed, model in models.items()
    }
    model, images = models[facts["seeds"][0]], samples["test"].images
    trainable = count_trainable(folder, facts["seeds"][0])
    cost = {"trainable_parameters": trainable, **measure_cost(model, images[:1], device)}
    write_scores(run, judge, scores, samples, learn.classes, cost)
    pictures = Path("plots/pictures") / run
    judge.draw(in_batches, model, scores[facts["seeds"][0]], samples, learn.classes, pictures)
    draw_filters(model.net, pictures / "filters.png")
    draw_augmentation(learn, params.augments[entry.augment].model_dump(), pictures / "augmented.png")
    latency = measure_latency(partial(apply, model), images, BATCH)
    write_json(f"metrics/latency/{run}.json", {**latency, "environment": describe_environment(device)})


def draw_augmentation(learn: Pack, options: dict[str, Any], path: Path) -> None:
    """Draw what augmentation makes of some training images, unless it leaves them as they are."""
    places = torch.arange(EXAMPLES) * len(learn.ids) // EXAMPLES + len(learn.ids) // (2 * EXAMPLES)
    images, ids, blank = learn.images[places], learn.ids[places], torch.tensor(learn.channel_mean)
    draws = [draw_epoch(0, epoch, ids, options["flip"]) for epoch in range(EPOCHS_SHOWN)]
    variations = [augment(images, draw, blank=blank, **options) for draw in draws]
    if not all(torch.equal(varied, images) for varied in variations):
        draw_variations(images, variations, path)


def write_scores(
    run: str,
    judge: ModuleType,
    scores: dict[int, SeedScores],
    samples: dict[str, Sample],
    classes: tuple[str, ...],
    cost: dict[str, int],
) -> None:
    """Write every figure that is the same whenever the same weights are scored."""
    predictions = collect_predictions(scores, samples, classes)
    write_predictions(predictions, Path(f"data/predictions/{run}.safetensors"), collect_kept(scores))
    outcomes, ids = torch.stack([seed.outcomes for seed in scores.values()]), samples["test"].ids
    write_outcomes(list(scores), digest_ids(ids), outcomes, Path(f"metrics/outcomes/{run}.safetensors"))
    mean = summarize_run(scores, len(samples["test"].ids), cost, judge)
    write_json(f"metrics/runs/{run}.json", {name: mean[name] for name in judge.BRIEF})
    alarms = {
        seed: find_in_answers(s.probabilities["val"], samples["val"].labels) for seed, s in scores.items()
    }
    detail = {
        **detail_run(scores, predictions, mean, judge),
        "alarms": {str(s): a for s, a in alarms.items() if a},
    }
    write_json(f"metrics/detail/{run}.json", detail)
    write_text(Path(f"plots/confusion/{run}.csv"), confusion_csv(scores, classes))


def write_json(path: str, figures: dict[str, Any]) -> None:
    """Write `figures` in their order, for people and for diffs."""
    write_text(Path(path), json.dumps(figures, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
    stage(main)
