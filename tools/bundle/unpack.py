"""The one command on the other machine: check the parts, unpack them, make a Python, run, pack the results.

`python there.pyz [--jobs N] [--minutes M] [--part-mb 60] [--into FOLDER] [--results FOLDER]`, beside the
parts. Call it again after an interruption: it goes on. Standard library only.
"""

import argparse
import json
import sys
from pathlib import Path

from bundle.interpreter import prepare_python
from bundle.parts import MEGABYTE, Manifest, check_parts, read_manifest, read_parts
from bundle.work import Place, work
from lineup.errors import LineupError
from lineup.files import write_text

# Written when everything is unpacked, and never unpacked over again: the work goes on from what is there.
UNPACKED = ".unpacked"


def main(*words: str) -> None:
    """Do all that is left to do for the bundle beside this program."""
    here = Path(sys.argv[0]).resolve().parent
    asked = _parse(words)
    manifest = read_manifest(here)
    folder = (asked.into or here / f"work-{manifest.id}").resolve()
    unpack(manifest, here, folder)
    programs = prepare_python(folder, manifest.facts["requirements"], folder / "wheels")
    place = Place(folder, programs, asked.results or here / f"results-{manifest.id}", manifest.facts)
    work(place, jobs=asked.jobs, minutes=asked.minutes, limit=asked.part_mb * MEGABYTE)


def unpack(manifest: Manifest, here: Path, folder: Path) -> None:
    """Unpack the parts of `here` into `folder`, unless they have been.

    Raises LineupError naming parts that are missing or damaged, and if `folder` holds another bundle.
    """
    mark = folder / UNPACKED
    if mark.is_file():
        if json.loads(mark.read_text(encoding="utf-8")) != manifest.id:
            raise LineupError(
                str(folder), "holds another bundle", "a folder of its own", "name another --into"
            )
        print(f"{folder}: unpacked before, going on there", flush=True)
        return
    read_parts(check_parts(here), here, folder)
    write_text(mark, json.dumps(manifest.id) + "\n")


def _parse(words: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="there.pyz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, help="trainings side by side (as many as the machine holds)")
    parser.add_argument("--minutes", type=float, help="stop trainings after so long, and pack what there is")
    parser.add_argument("--part-mb", type=int, default=60, help="largest part of the results, in MB (60)")
    parser.add_argument("--into", type=Path, help="where to work (a folder beside the parts)")
    parser.add_argument("--results", type=Path, help="where the results go (a folder beside the parts)")
    asked = parser.parse_args(words)
    for option in ("jobs", "minutes", "part_mb"):
        value = getattr(asked, option)
        if value is not None and not value > 0:
            name = "--" + option.replace("_", "-")
            raise LineupError(name, str(value), "a number above 0", "change it or leave it out")
    return asked
