"""The meaning of a module: its syntax tree without comments, docstrings, annotations and layout."""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# What a type alias is made with: `Row = dict[str, float]` says as little about a result as an annotation.
ALIASES = ("dict", "list", "tuple", "set", "type", "Callable", "Literal", "Mapping", "Sequence", "Annotated")
# Fields of nodes that other versions of Python have, or that only say where a name is written to.
LEFT_OUT = ("ctx", "kind", "type_comment", "type_params")


@dataclass(frozen=True)
class Import:
    """A name that a module imports: `from module import name as asname`; empty for `import module`."""

    module: str
    name: str
    asname: str


@dataclass(frozen=True)
class Module:
    """The parsed text of a module: what it imports and uses, and a hash of what it means."""

    imports: tuple[Import, ...]
    digest: str
    empty: bool


def parse_module(text: str, *, keep_imports: bool = False) -> Module:
    """Parse the source `text`; names that only annotations use do not count as imported.

    keep_imports: whether names that the module does not use itself count, as those that a package hands on.
    Raises SyntaxError.
    """
    tree = ast.parse(text)
    _Plain().visit(tree)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    top = [each for node in tree.body for each in _list_imports(node)]
    kept = {each for each in top if keep_imports or each.asname.partition(".")[0] in used}
    inner = {each for node in body for inside in ast.walk(node) for each in _list_imports(inside)}
    names = sorted((each.module, each.name, each.asname) for each in kept)
    digest = hashlib.sha256(repr((names, [_simplify(node) for node in body])).encode()).hexdigest()
    return Module(tuple(sorted(kept | inner, key=repr)), digest, not (body or kept))


class _Plain(ast.NodeTransformer):
    """Takes out of a tree what changes no result."""

    def visit(self, node: ast.AST) -> ast.AST | None:
        """Take docstrings away, then what the methods below name."""
        match getattr(node, "body", None):
            case [ast.Expr(value=ast.Constant(value=str())) as docstring, *_]:
                node.body.remove(docstring)  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        visited: ast.AST | None = super().visit(node)
        return visited

    def visit_Pass(self, node: ast.Pass) -> None:
        """Leave out what stands in for an empty body."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Leave out the annotation of a parameter."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign | None:
        """Leave out an annotation, and all of it where it declares no value."""
        if node.value is None:
            return None
        self.generic_visit(node)
        return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Leave out type aliases."""
        return None if _is_alias(node.value) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Leave out what only a type checker reads."""
        only = ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING") and not node.orelse
        return None if only else self.generic_visit(node)


def _is_alias(value: ast.expr) -> bool:
    match value:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_alias(left) or _is_alias(right)
        case ast.Subscript(value=ast.Name(id=name)):
            return name in ALIASES
    return False


def _list_imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, "", alias.asname or alias.name) for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module != "__future__":
        module = "." * node.level + (node.module or "")
        yield from (Import(module, alias.name, alias.asname or alias.name) for alias in node.names)


def _simplify(node: object) -> object:
    """A node as nested tuples of names and constants, the same in every version of Python."""
    if isinstance(node, list):
        return [_simplify(each) for each in node]
    if isinstance(node, ast.JoinedStr):
        return "JoinedStr", [_simplify(each) for each in _join_texts(node.values)]
    if isinstance(node, ast.Constant):
        return type(node.value).__name__, repr(node.value)
    if isinstance(node, ast.AST):
        fields = [
            (name, _simplify(value))
            for name, value in ast.iter_fields(node)
            if name not in LEFT_OUT and value not in (None, [])
        ]
        return type(node).__name__, fields
    return node


def _join_texts(parts: Sequence[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, of which some versions of Python split texts that others join."""
    joined: list[ast.expr] = []
    for part in parts:
        match joined[-1:], part:
            case _, ast.Constant(value=""):  # Python 3.12.1 ends a format with one
                continue
            case [ast.Constant(value=str(before))], ast.Constant(value=str(text)):
                joined[-1] = ast.Constant(before + text)
            case _:
                joined.append(part)
    return joined
