"""How the code itself stands: sizes of rooms, files and functions, import circles, and the cost of one small import.

``python -m bench.house [--tests]``. Everything is read from the source as it lies in the checkout; with ``--tests`` the
test command runs once and is timed. A command of the command line, whose parameters are options, and a constructor
that only stores hyperparameters are exempt from the count of parameters.
"""

import argparse
import ast
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from bench.harness.result import Figures, print_result

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("app", "flows", "actions", "reports", "models", "features", "data", "bench")
SMALL_MODULE = "models.evaluation.metrics"
IMPORT_RUNS = 5
MAX_FILES = 24
"""Files in one folder, past which the table marks it."""

OLD_WORDS = frozenset(
    {
        "told",
        "said",
        "came",
        "heard",
        "hear",
        "judge",
        "judged",
        "learnt",
        "lives",
        "pieces",
        "atoms",
        "shelf",
        "whys",
        "outs",
        "misses",
        "wholes",
        "takings",
        "dealings",
        "tonight",
        "beside",
        "borrow",
        "lent",
        "strange",
        "levelled",
        "album",
        "ink",
        "sheet",
        "vital",
        "vitals",
        "promise",
        "promises",
        "mend",
        "landed",
        "lane",
        "lanes",
        "asked",
        "anew",
        "stead",
    }
)
"""Words of the vocabulary that the code once had for itself, looked for as parts of identifiers."""

MANY_PARAMETERS = {"data.demo.write.write_demo": "each setting of the simulator, all but the date with a default"}
"""Functions that take more parameters than the rule allows, each with its reason; the count leaves them out."""

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True)
class Function:
    """A function or method: where it stands, its lines, and its parameters without ``self`` and ``cls``."""

    name: str
    lines: int
    parameters: int


@dataclass(frozen=True)
class Module:
    """A file of product code: its dotted name, its lines, its functions, and the dotted names that it imports."""

    name: str
    path: Path
    lines: int
    functions: tuple[Function, ...]
    imports: frozenset[str]
    old_words: Counter[str]


def main() -> None:
    """Read the rooms, print them as a table, then the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", action="store_true", help="run `make test` once and time it")
    options = parser.parse_args()
    modules = read_modules(ROOT)
    functions = [function for module in modules for function in module.functions]
    longest_file = max(modules, key=lambda module: module.lines)
    longest_function = max(functions, key=lambda function: function.lines)
    counted = [function for function in functions if function.name not in MANY_PARAMETERS]
    most_parameters = max(counted, key=lambda function: function.parameters)
    circles = import_circles(modules)
    old_words = sum((module.old_words for module in modules), Counter())
    seconds, megabytes, loaded = import_cost(SMALL_MODULE)
    rows = [
        *room_rows(modules),
        ["longest file", longest_file.name, str(longest_file.lines)],
        ["longest function", longest_function.name, str(longest_function.lines)],
        ["most parameters", most_parameters.name, str(most_parameters.parameters)],
        *[["more, with a reason", f"{name}: {reason}", ""] for name, reason in MANY_PARAMETERS.items()],
        ["import circles", "; ".join(" ↔ ".join(circle) for circle in circles) or "none", str(len(circles))],
        ["import", f"{SMALL_MODULE}: {loaded} modules of ours, {megabytes:.0f} MB", f"{seconds:.2f} s"],
        [
            "old words",
            ", ".join(f"{word} {count}" for word, count in old_words.most_common(12)),
            str(old_words.total()),
        ],
    ]
    figures: Figures = {
        "house.longest_file": float(longest_file.lines),
        "house.longest_function": float(longest_function.lines),
        "house.most_parameters": float(most_parameters.parameters),
        "house.import_seconds": round(seconds, 3),
        "house.import_mb": round(megabytes),
        "house.circles": float(len(circles)),
        "house.old_words": float(old_words.total()),
    }
    if options.tests:
        took = test_seconds()
        figures["house.test_seconds"] = round(took)
        rows.append(["tests", "make test", f"{took:.0f} s"])
    print_result("the house", ["what", "where", "value"], rows, figures)


def read_modules(root: Path) -> list[Module]:
    """Every Python file of the product's rooms, ordered by name."""
    paths = sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))
    names = {_dotted(path, root) for path in paths}
    return [_read_module(path, root, names) for path in paths]


def room_rows(modules: list[Module]) -> list[list[str]]:
    """One row per folder: its files and lines."""
    files, lines = Counter[str](), Counter[str]()
    for module in modules:
        folder = str(module.path.parent)
        files[folder] += 1
        lines[folder] += module.lines
    return [
        [
            f"{folder}/",
            f"{files[folder]} files{' (many)' if files[folder] > MAX_FILES else ''}",
            f"{lines[folder]:,}",
        ]
        for folder in sorted(files)
    ]


def import_circles(modules: list[Module]) -> list[list[str]]:
    """Groups of files that import one another, directly or not; a package's ``__init__`` is imported with its files.

    Strongly connected components of the graph of all import statements, those inside functions included.
    """
    place = {module.name: i for i, module in enumerate(modules)}
    edges = [
        (place[module.name], place[target])
        for module in modules
        for target in module.imports
        if target in place and target != module.name
    ]
    sources, targets = (np.array(ends, dtype=np.intp) for ends in zip(*edges, strict=True))
    graph = csr_matrix((np.ones(len(edges)), (sources, targets)), shape=(len(modules), len(modules)))
    _, component = connected_components(graph, directed=True, connection="strong")
    groups: dict[int, list[str]] = {}
    for module, label in zip(modules, component, strict=True):
        groups.setdefault(int(label), []).append(module.name)
    return [group for group in groups.values() if len(group) > 1]


def import_cost(module: str) -> tuple[float, float, int]:
    """Median seconds of importing a module in a fresh process, its peak megabytes, and how many of our files it loads.

    Raises ``SystemExit`` with the error where the module cannot be imported.
    """
    code = (
        "import resource, sys, time; start = time.perf_counter(); "
        f"import {module}; seconds = time.perf_counter() - start; "
        f"ours = sum(name.split('.')[0] in {ROOMS!r} for name in sys.modules); "
        "print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, ours)"
    )
    runs = []
    for _ in range(IMPORT_RUNS):
        process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise SystemExit(f"{module} cannot be imported:\n{process.stderr}")
        runs.append([float(figure) for figure in process.stdout.split()])
    seconds, memory, loaded = np.median(np.array(runs), axis=0)
    return float(seconds), float(memory) / (1024 if sys.platform == "linux" else 1024**2), int(loaded)


def test_seconds() -> float:
    """Seconds that ``make test`` takes. Raises ``SystemExit`` where it fails."""
    began = perf_counter()
    finished = subprocess.run(["make", "test"], cwd=ROOT, stdout=sys.stderr, check=False)
    if finished.returncode != 0:
        raise SystemExit(f"make test failed with exit code {finished.returncode}")
    return perf_counter() - began


def _listed(counts: Counter[str], most: int = 12) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.most_common(most))


def _read_module(path: Path, root: Path, names: set[str]) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = _dotted(path, root)
    package = name.removesuffix(".__init__")
    imports = {target for node in ast.walk(tree) for target in _imported(node, names)}
    parents = {f"{parent}.__init__" for target in imports for parent in _parents(target)}
    own = {f"{parent}.__init__" for parent in _parents(name)}
    return Module(
        name=name,
        path=path.relative_to(root),
        lines=len(path.read_text(encoding="utf-8").splitlines()),
        functions=tuple(_functions(tree, package)),
        imports=frozenset(((imports | (parents - own)) & names) - {name}),
        old_words=_old_words(path),
    )


def _dotted(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _parents(name: str) -> Iterator[str]:
    """The packages that Python imports before a module: ``a`` and ``a.b`` for ``a.b.c``."""
    parts = name.removesuffix(".__init__").split(".")
    for count in range(1, len(parts)):
        yield ".".join(parts[:count])


def _imported(node: ast.AST, names: set[str]) -> Iterator[str]:
    """Dotted names of our files that an import statement loads."""
    candidates: list[str] = []
    if isinstance(node, ast.Import):
        candidates = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        candidates = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    for candidate in candidates:
        if candidate in names:
            yield candidate
        elif f"{candidate}.__init__" in names:
            yield f"{candidate}.__init__"


def _functions(tree: ast.AST, where: str) -> Iterator[Function]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{where}.{node.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{where}.{node.name}"
            exempt = node.name == "__init__" or any("command" in ast.unparse(mark) for mark in node.decorator_list)
            yield Function(name, _length(node), 0 if exempt else _parameters(node))
            yield from _functions(node, name)
        else:
            yield from _functions(node, where)


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in arguments)


def _old_words(path: Path) -> Counter[str]:
    """How often each old word is a part of an identifier; words in strings and comments do not count."""
    with path.open("rb") as source:
        names = [token.string for token in tokenize.tokenize(source.readline) if token.type == tokenize.NAME]
    words = (word.lower() for name in names for word in WORD.findall(name))
    return Counter(word for word in words if word in OLD_WORDS)


if __name__ == "__main__":
    main()
