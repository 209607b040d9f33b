from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lineup.errors import LineupError
from lineup.evaluation.predictions import (
    Answers,
    Predictions,
    digest_ids,
    read_predictions,
    refuse_unaligned,
    write_predictions,
)

KEPT = {"test.mse": torch.rand(2, 7)}


def made_up() -> Predictions:
    generator = torch.Generator().manual_seed(0)
    splits = {
        name: Answers(
            torch.randint(-(2**62), 2**62, (n,), generator=generator),
            torch.randint(3, (n,), generator=generator),
            torch.rand(2, n, 3, generator=generator),
        )
        for name, n in (("val", 5), ("test", 7))
    }
    return Predictions((0, 4), ("a", "b", "c"), splits)


def test_what_is_written_is_read_and_its_bytes_repeat(tmp_path: Path) -> None:
    predictions = made_up()
    write_predictions(predictions, tmp_path / "a.safetensors", KEPT)
    write_predictions(predictions, tmp_path / "b.safetensors", KEPT)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    read = read_predictions(tmp_path / "a.safetensors")
    assert (read.seeds, read.classes) == ((0, 4), ("a", "b", "c"))
    assert torch.equal(load_file(tmp_path / "a.safetensors")["test.mse"], KEPT["test.mse"])
    for split, answers in predictions.splits.items():
        for name in ("ids", "labels", "probabilities"):
            assert torch.equal(getattr(read.splits[split], name), getattr(answers, name))


def test_ids_that_were_exchanged_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d3.safetensors"
    write_predictions(made_up(), path, {})
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors["test.ids"] = tensors["test.ids"].flip(0)
    save_file(tensors, path, metadata)
    with pytest.raises(LineupError, match=r"ids of test have SHA-256 .*; fix: run `dvc repro evaluate@d3`"):
        read_predictions(path)


@pytest.mark.parametrize("content", [None, b"", b"not safetensors"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "d3.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LineupError, match="not readable"):
        read_predictions(path)


def test_runs_on_other_images_or_in_another_order_are_refused() -> None:
    answers = made_up().splits["test"]
    same, turned = digest_ids(answers.ids.clone()), digest_ids(replace(answers, ids=answers.ids.flip(0)).ids)
    refuse_unaligned({"a": digest_ids(answers.ids), "b": same})
    with pytest.raises(LineupError, match="predictions of c: other images or another order than those of a"):
        refuse_unaligned({"a": same, "b": same, "c": turned})
