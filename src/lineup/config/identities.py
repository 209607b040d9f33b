"""Which identity each stage's result has: the meaning of its code, and the values that it is given."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from lineup.components import (
    list_for_evaluation,
    list_for_training,
    name_family,
    name_source,
    name_weights,
)
from lineup.config.files import Files
from lineup.config.params import check
from lineup.config.resolve import (
    describe_comparison,
    describe_evaluation,
    describe_training,
    resolve_comparison,
    resolve_run,
)
from lineup.config.schema import GATE, Entry
from lineup.identity.code import Code, combine
from lineup.identity.proofs import find_first
from lineup.resolved import Reached, Resolved, hash_values


class Resolver:
    """Makes the files of `resolved/` of the parameters and the code.

    proven: what is proven to be equal (`identity.proofs.read_proofs`). Raises LineupError for wrong
    parameters.
    """

    def __init__(self, files: Files, code: Code, proven: Mapping[tuple[str, str], str]) -> None:
        self.files, self.code, self.proven = files, code, proven
        self.params = check(files)
        self._reached: dict[tuple[str, tuple[str, ...]], Reached] = {}

    def list_names(self) -> Iterator[str]:
        """The names of all files, as `runs/d3`."""
        params = self.params
        sections: dict[str, Mapping[str, object]] = {
            "download": params.datasets,
            "duplicates": params.datasets,
            "preprocess": params.views,
            "weights": params.weights,
            "runs": params.runs,
        }
        yield from (f"{section}/{name}" for section, entries in sections.items() for name in entries)
        yield from ("validate", "compare")

    def resolve(self, name: str) -> Resolved:
        """The content of the file called `name`."""
        section, _, key = name.partition("/")
        if section == "runs":
            return self._resolve_run(key)
        if section == "compare":
            return self._resolve_comparison()
        return self._resolve(f"{section}@{key}" if key else section, *self._give(section, key))

    def _give(self, section: str, key: str) -> tuple[Mapping[str, Any], Mapping[str, Any], Iterable[str]]:
        """The values that a stage is given, those that its result depends on, and what it loads by name."""
        params = self.params
        match section:
            case "download":
                return *_describe(params.datasets[key]), [name_source(params.datasets[key].source)]
            case "weights":
                return *_describe(params.weights[key]), [name_weights(params.weights[key].source)]
            case "preprocess":
                return *_describe(params.views[key]), ()
            case "validate":
                values = self.files.dump()
                return values, values, map(name_family, params.models)
        return {}, {}, ()  # duplicates

    def _resolve(
        self, stage: str, values: Mapping[str, Any], meaning: Mapping[str, Any], modules: Iterable[str] = ()
    ) -> Resolved:
        """The file of `stage`, as `weights@random`, which is given `values` and depends on `meaning`."""
        reached, kind = self._reach(stage, modules), stage.partition("@")[0]
        return Resolved({kind: self._find(stage, reached, meaning)}, {kind: reached}, values)

    def _resolve_comparison(self) -> Resolved:
        """The file of the two stages that look at all runs."""
        values = asdict(resolve_comparison(self.params))
        meaning = describe_comparison(self.params)
        parts = [self._resolve(stage, values, meaning) for stage in ("compare", "report")]
        identity = {kind: each for part in parts for kind, each in part.identity.items()}
        return Resolved(identity, {kind: each for part in parts for kind, each in part.code.items()}, values)

    def _resolve_run(self, name: str) -> Resolved:
        """The file of the run called `name`.

        Its identity `training` is without seeds: that of each seed. `train` has them, for DVC to compare.
        """
        run = resolve_run(self.params, name)
        code = {
            "train": self._reach(f"train@{name}", list_for_training(run)),
            "evaluate": self._reach(f"evaluate@{name}", list_for_evaluation(run)),
        }
        training = self._find(f"train@{name}", code["train"], describe_training(self.params, name))
        evaluation = describe_evaluation(self.params, name)
        identity = {
            "training": training,
            "train": hash_values({"training": training, "seeds": run.seeds}),
            "evaluate": self._find(f"evaluate@{name}", code["evaluate"], evaluation),
        }
        return Resolved(identity, code, asdict(run))

    def _reach(self, stage: str, modules: Iterable[str]) -> Reached:
        """The code of `stage`, with `modules` that it loads by name: the same for many runs."""
        key = stage.partition("@")[0], tuple(sorted(modules))
        if key not in self._reached:
            self._reached[key] = Reached(key[1], combine(self.code.reach(*key)))
        return self._reached[key]

    def _find(self, stage: str, reached: Reached, values: object) -> str:
        """The first identity of `stage`: that of the code and the values with which its result was made."""
        code = find_first(self.proven, stage, reached.digest)
        return find_first(self.proven, stage, hash_values({"code": code, "values": values}))


def identify_result(read: Callable[[str], Resolved], run: str) -> str:
    """The identity of all that the figures of `run` depend on, as deep as what it starts from goes.

    read: gives the files of `resolved/` by their names.
    """
    resolved = read(f"runs/{run}")
    view = read(f"preprocess/{resolved.settings['view']}")
    weights = read(f"weights/{resolved.settings['weights']}")
    given = [view, read(f"download/{view.settings['dataset']}"), weights]
    parts = [dict(resolved.identity), *(dict(each.identity) for each in given)]
    if weights.settings["source"] == "run":
        return hash_values([*parts, identify_result(read, weights.settings["needs"].removeprefix("models/"))])
    return hash_values(parts)


def _describe(entry: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of an entry without what every stage waits for, and without those that are neutral."""
    values, meaning = (
        {key: value for key, value in each.items() if value != GATE}
        for each in (entry.model_dump(), entry.dump_meaning())
    )
    return values, meaning
