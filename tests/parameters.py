"""Parameters that a test gives: checked as those of files are, and resolved for single stages."""

from contextlib import chdir
from pathlib import Path
from typing import Any

from lineup.config.files import Files, read_files
from lineup.config.identities import Resolver
from lineup.config.params import check
from lineup.config.schema import Params
from lineup.files import write_text
from lineup.identity.code import Code
from lineup.resolved import ROOT, format_resolved

FILE = Path("params.yaml")


def gather(data: Any) -> Files:
    """Parameters that all stand in params.yaml."""
    return Files(FILE, data, {})


def check_data(data: Any) -> Params:
    """The checked parameters of a params.yaml that holds `data`."""
    return check(gather(data))


def resolve(folder: Path, *names: str) -> None:
    """Write what stages are given of `folder`'s parameters, as `runs/d3`."""
    with chdir(folder):
        resolver = Resolver(read_files(FILE), Code(ROOT), {})
        for name in names:
            write_text(Path(f"resolved/{name}.json"), format_resolved(resolver.resolve(name)))
