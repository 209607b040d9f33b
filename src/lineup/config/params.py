"""The parameters, read as DVC reads them and checked before anything runs."""

from pathlib import Path

from pydantic import ValidationError

from lineup.config.combinations import find_misfits
from lineup.config.files import Files, read_files
from lineup.config.problems import Locate, refuse, unknown
from lineup.config.references import find_bad_sources, find_missing, find_wrong_rows
from lineup.config.schema import Params
from lineup.config.values import explain


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check `path`, and the files that belong to it.

    Raises LineupError; for several problems ParamsError, one line each.
    """
    return check(read_files(path))


def check(files: Files) -> Params:
    """Return the checked parameters that `files` hold. Raises LineupError."""
    data, locate = files.data, files.locate
    problems = list(find_missing(data, locate)) if isinstance(data, dict) else []
    try:
        params = Params.model_validate(data)
    except ValidationError as error:
        refuse([*explain(error, Params, data, locate), *problems])
    refuse(problems or list(find_bad_sources(params, locate)))
    refuse(find_misfits(params, locate))
    refuse(find_wrong_rows(params, locate))
    return params


def check_architectures(params: Params, locate: Locate) -> None:
    """Refuse timm models the installed timm does not know; apart from `load`, since timm loads slowly."""
    specs = params.models.get("timm", {})
    if not specs:
        return
    from timm import list_models

    # With a tag, as in resnet18.a1_in1k, a name also says which weights; these are not loaded.
    known = {*list_models(), *list_models(include_tags=True)}
    refuse(
        unknown(locate(f"models.timm.{name}.arch"), spec.arch, known, "a model of timm")
        for name, spec in specs.items()
        if spec.arch not in known
    )
