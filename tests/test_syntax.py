"""What a module means: its comments, docstrings, annotations and layout left out, and nothing else."""

import ast
from pathlib import Path

import pytest
from imports import SRC

from lineup.identity.syntax import Import, parse_module

TEXT = '''"""Blends images."""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch import Tensor

from lineup.data.dataset import ImageDataset
from lineup.tasks import classification

Rates = Mapping[str, float]
LIMIT: float = 0.5
NAMES = ["a", "b"]


@cache
def blend(images: Tensor, weights: Sequence[float] = (0.25, 0.75), *, most: int = 3) -> Tensor:
    """Blend `images`."""
    total: float = math.fsum(weights)  # exactly
    if total > LIMIT and most:
        raise ValueError(f"{total:.3f} of {most}: too much")
    return torch.stack([image * weight for image, weight in zip(images, weights)]).sum(0)


class Blender:
    """Blends for a dataset."""

    count: int

    def apply(self, dataset: ImageDataset) -> Tensor:
        """Do it."""
        from lineup.models import rebuild

        assert classification.SCORES
        return rebuild(blend(dataset.images))
'''


def change(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"{old!r} stands {TEXT.count(old)} times"
    return TEXT.replace(old, new)


def digest(text: str) -> str:
    return parse_module(text).digest


MEANT = digest(TEXT)

SAME = {
    "a comment": change("# exactly", "# as exactly as a float can be, and that is well enough"),
    "a comment more": change("    if total", "    # Refuse what is too much.\n    if total"),
    "the docstring of the module": change(
        '"""Blends images."""', '"""Mixes images.\n\nIn a better way.\n"""'
    ),
    "no docstring of the module": change('"""Blends images."""\n', ""),
    "the docstring of a function": change('    """Blend `images`."""\n', ""),
    "the docstring of a class": change('"""Blends for a dataset."""', '"""Mixes."""'),
    "the docstring of a method": change('        """Do it."""\n', ""),
    "the type of a parameter": change("images: Tensor", 'images: "torch.Tensor | None"'),
    "no type of a parameter": change("images: Tensor", "images"),
    "the type of a result": change("most: int = 3) -> Tensor", "most: int = 3) -> object"),
    "the type of a variable": change("total: float = math", "total = math"),
    "the type of a constant": change("LIMIT: float", "LIMIT: Final"),
    "the type of an attribute": change("    count: int\n", ""),
    "an import of nothing but a type": change(
        "from torch import Tensor", "from torch import FloatTensor as Tensor"
    ),
    "another such import": change("import math", "import math\nfrom collections import OrderedDict"),
    "a type alias": change("Rates = Mapping[str, float]\n", ""),
    "another type alias": change("Mapping[str, float]", "dict[str, tuple[float, ...] | None] | list[int]"),
    "the order of imports": change(
        "import math\nfrom collections.abc import Mapping, Sequence\nfrom functools import cache\n",
        "from functools import cache\nfrom collections.abc import Sequence, Mapping\nimport math\n",
    ),
    "imports in one line or two": change("import math\n", "import math\nimport math\n"),
    "another layout": change(
        "images: Tensor, weights: Sequence[float]", "images: Tensor,\n    weights: Sequence[float]"
    ),
    "parentheses and quotes": change('["a", "b"]', "[\n    ('a'),\n    'b',\n]"),
    "blank lines": change("\nclass", "\n\n\n\nclass"),
    "line ends of Windows": TEXT.replace("\n", "\r\n"),
    "a pass": change('    """Blends for a dataset."""\n', "    pass\n"),
    "a text in two parts": change(
        '"{total:.3f} of {most}: too much"', '"{total:.3f} of " f"{most}: " "too much"'
    ),
    "what only a type checker reads": change(
        "Rates = ", "if TYPE_CHECKING:\n    from lineup.sources import fetch\n\nRates = "
    ),
}

DIFFERENT = {
    "a constant": change("0.5", "0.6"),
    "the kind of a number": change("most: int = 3", "most: int = 3.0"),
    "an operator": change("image * weight", "image + weight"),
    "a comparison": change("total > LIMIT", "total >= LIMIT"),
    "and or or": change("LIMIT and most", "LIMIT or most"),
    "a default": change("most: int = 3", "most: int = 4"),
    "no default": change("most: int = 3", "most: int"),
    "the name of a called function": change("math.fsum", "math.prod"),
    "the module of a called function": change("import math", "import cmath as math"),
    "where a name comes from": change("from lineup.tasks import", "from lineup.others import"),
    "what an import inside says": change("from lineup.models import", "from lineup.others import"),
    "a decorator": change("@cache\n", ""),
    "a decorator that is not imported": change("    def apply", "    @property\n    def apply"),
    "another decorator": change("@cache", "@lru_cache"),
    "the text of an f-string": change("too much", "far too much"),
    "the format of an f-string": change(":.3f", ":.2f"),
    "the conversion of an f-string": change("{most}", "{most!r}"),
    "what an f-string shows": change("{most}", "{images}"),
    "one text in place of two": change('["a", "b"]', '["ab"]'),
    "texts joined by a forgotten comma": change('["a", "b"]', '["a" "b"]'),
    "a tuple in place of a list": change('["a", "b"]', '("a", "b")'),
    "a name, which only a proof can tell to mean the same": TEXT.replace("total", "summed"),
    "a base class": change("class Blender:", "class Blender(dict):"),
    "a star": change("*, most", "most"),
    "the order of statements": change(
        'LIMIT: float = 0.5\nNAMES = ["a", "b"]', 'NAMES = ["a", "b"]\nLIMIT: float = 0.5'
    ),
    "a value beside a type": change("    count: int\n", "    count: int = 1\n"),
    "a statement less": change("        assert classification.SCORES\n", ""),
    "a pass in place of a statement": change("assert classification.SCORES", "pass"),
    "an indentation": change(
        "        assert classification.SCORES\n        return",
        "        if classification.SCORES:\n            return",
    ),
    "a variable that holds a list": change('NAMES = ["a", "b"]', 'NAMES = list(["a", "b"])'),
    "a part of what is there": change('NAMES = ["a", "b"]', 'NAMES = ["a", "b"][:1]'),
    "what runs but for a type checker": change(
        "Rates = ", "if not TYPE_CHECKING:\n    LIMIT = 1\n\nRates = "
    ),
    "what runs beside it": change(
        "Rates = ", "if TYPE_CHECKING:\n    pass\nelse:\n    LIMIT = 1\n\nRates = "
    ),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_means_the_same_has_the_same_hash(text: str) -> None:
    assert digest(text) == MEANT


@pytest.mark.parametrize("text", DIFFERENT.values(), ids=DIFFERENT)
def test_what_means_something_else_has_another_hash(text: str) -> None:
    assert digest(text) != MEANT


# CI computes it under every supported version of Python; a clone would otherwise be stale under another one.
# It is written so that each version's own way to parse f-strings, types and empty parts is in it.
FIXED = r'''
"""A docstring."""
from __future__ import annotations
import torch.nn.functional as F
from lineup.models import rebuild
Row = dict[str, float]
WORDS = ["…", 'it''s', b"\x00\xff", u"kind", r"\d", 1_000, 0x10, 1e-3, 2j, ..., None, True, -0.0]
TEXT = f"{WORDS[0]:>{1_000}} {{}} {WORDS!r:.{2}f}" "and" f" {len(WORDS)=} {f'{1}'}"
class Net(F.Module, metaclass=type):
    __slots__ = ()
    size: int = 3
    def forward(self, x: float, /, y=1, *args: int, z: str = "", **others: object) -> Row:
        """Another."""
        match x:
            case {"a": [1, *rest], **more} if rest: return {**more, "b": rest[1:, ..., ::2]}
            case Net(size=None) | "text": pass
            case _: raise ValueError(x) from None
        with open(x) as file, rebuild(y): yield from (line async for line in file if not z)
        try: self.size += 1
        except* OSError as error: del error
        else: assert (z := y if x else (lambda a, *, b=2: a @ b)), "no"
        finally: global WORDS
        for x.a, (b, *c) in x or {}: continue
        else: return not -x // 2 ** 3
async def main(): await rebuild(*[i for i in range(3)], **{}); return {1, 2}, 1 < 2 <= 3 is not None
'''


def test_the_hash_is_the_same_under_every_version_of_python() -> None:
    assert digest(FIXED) == "c1977071ed5d949e42daaf42a798685d379382fbafee22eb2b735960c7aae66b"


def test_what_a_module_imports_is_what_more_than_its_types_needs() -> None:
    names = {each.name or each.module for each in parse_module(TEXT).imports}
    assert names == {"math", "cache", "torch", "classification", "rebuild"}


def test_a_package_hands_on_what_it_does_not_use_itself() -> None:
    text = "from lineup.data.dataset import ImageDataset\nimport math as m\n"
    assert parse_module(text).imports == ()
    assert parse_module(text).empty
    handed = parse_module(text, keep_imports=True)
    assert set(handed.imports) == {
        Import("lineup.data.dataset", "ImageDataset", "ImageDataset"),
        Import("math", "", "m"),
    }
    assert not handed.empty
    assert handed.digest != parse_module(text.replace("Image", "Other"), keep_imports=True).digest


@pytest.mark.parametrize(
    "text", ["", '"""Only a docstring."""\n', "# Only a comment.\n", "Row = dict[str, int]\n", "pass\n"]
)
def test_a_module_that_says_nothing_is_empty(text: str) -> None:
    assert parse_module(text).empty
    assert not parse_module(f"{text}\nONE = 1\n").empty


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        parse_module("def (")


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_our_own_code_written_anew_means_the_same(path: Path) -> None:
    """Without comments and layout, as Python itself writes a syntax tree."""
    text, package = path.read_text(), path.name == "__init__.py"
    anew = ast.unparse(ast.parse(text))
    assert parse_module(anew, keep_imports=package) == parse_module(text, keep_imports=package)
