from pathlib import Path

import pytest
import torch

from lineup.errors import LineupError
from lineup.evaluation.outcomes import read_outcomes, write_outcomes


def test_right_and_wrong_come_back_from_a_bit_an_image(tmp_path: Path) -> None:
    right = torch.rand(3, 10_001, generator=torch.Generator().manual_seed(0)) < 0.7
    write_outcomes((0, 4, 7), "ab", right, tmp_path / "d3.safetensors")
    read = read_outcomes(tmp_path / "d3.safetensors")
    assert (read.seeds, read.ids) == ((0, 4, 7), "ab")
    assert read.values.tolist() == right.double().tolist()
    assert (tmp_path / "d3.safetensors").stat().st_size < 3 * 10_001 / 8 + 300
    write_outcomes((0, 4, 7), "ab", right, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "d3.safetensors").read_bytes()


def test_errors_come_back_as_they_are(tmp_path: Path) -> None:
    errors = torch.rand(2, 5)
    write_outcomes((0, 1), "ab", errors, tmp_path / "a6.safetensors")
    assert read_outcomes(tmp_path / "a6.safetensors").values.tolist() == errors.double().tolist()


@pytest.mark.parametrize("content", [None, b"", b"not safetensors"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "d3.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LineupError, match=r"not readable .*fix: run `dvc repro evaluate@d3`"):
        read_outcomes(path)
