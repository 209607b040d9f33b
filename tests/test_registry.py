from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from lineup.config.schema import Dataset
from lineup.data.raw import read_raw

SOURCES = get_args(Dataset.model_fields["source"].annotation)


def test_a_source_is_saved_by_its_name(tmp_path: Path) -> None:
    import_module("lineup.sources.digits").save(tmp_path / "raw")
    assert len(read_raw(tmp_path / "raw").classes) == 10


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_that_params_may_name_exists(source: str) -> None:
    assert callable(import_module(f"lineup.sources.{source}").save)
