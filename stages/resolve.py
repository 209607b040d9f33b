"""Check the parameters, and write what each stage depends on.

In: params.yaml and the files beside it that dvc.yaml names, proofs, src and stages. Out: resolved/, a file
for each stage, with the identity that DVC compares. A comment or a docstring changes none of them.
"""

from pathlib import Path

from lineup.config.files import read_files
from lineup.config.identities import Resolver
from lineup.console import stage
from lineup.identity.code import Code
from lineup.identity.proofs import read_proofs
from lineup.resolved import write_all


def main() -> None:
    """Refuse wrong entries, else write all files anew."""
    resolver = Resolver(read_files(Path("params.yaml")), Code(Path()), read_proofs())
    write_all({name: resolver.resolve(name) for name in resolver.list_names()})


if __name__ == "__main__":
    stage(main)
