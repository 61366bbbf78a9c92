"""Who may import whom, and what nobody may import at module top. The map of the house is DESIGN's, in code."""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "jupyter_mlplat"
SOURCE = ROOT / "src"

HEAVY = {
    "mlflow",
    "dask",
    "distributed",
    "dask_cuda",
    "torch",
    "evidently",
    "optuna",
    "papermill",
    "pandas",
    "sklearn",
    "duckdb",
    "kubernetes",
    "pynvml",
}
LATE = HEAVY | {"sqlalchemy", "alembic", "pydantic"}
"""What the package, the shell and the server extension do not load before somebody asks for it."""

STARTS = {"__init__.py", "cli.py", "server/app.py"}

GROUND = {
    "errors",
    "models",
    "protocols",
    "home",
    "processes",
    "attempts",
    "crashpoint",
    "languages",
    "loading",
    "mlflow_base",
    "provenance",
    "sizes",
    "spool_folder",
    "usage",
    "yaml12",
}
PLATFORM = GROUND | {"store", "services", "platform"}
MAY_IMPORT = {
    **dict.fromkeys(GROUND, GROUND),
    "store": GROUND,
    "services": GROUND | {"store", "spool"},
    # What was logged and MLflow may not have yet.
    "spool": GROUND,
    "backends": GROUND | {"kernel", "spool"},
    "runner": GROUND | {"kernel"},
    "serving": GROUND,
    "platform": GROUND | {"store", "services", "backends", "engine_lease"},
    # MLflow loads it inside of other people's processes.
    "mlflow_plugin": {"autolog", "backends", "errors", "mlflow_base", "provenance", "spool", "spool_folder", "usage"},
    # So does a job's kernel, before its first cell.
    "autolog": {"attempts", "spool", "spool_folder"},
    # A notebook that runs as a job leaves its results for the runner.
    "results": GROUND,
    # The engine, and the doors: each parses, calls a service, renders.
    "engine": PLATFORM | {"engine_lease", "spool"},
    "engine_lease": GROUND | {"store"},
    # What takes warm kernels, and the program that makes them.
    "kernel": GROUND,
    "server": PLATFORM | {"kernel"},
    # The shell and the magics share one grammar; the demo is a user of the services like any other.
    "commands": PLATFORM | {"engine", "demo", "kernel", "dask_cluster"},
    "demo": PLATFORM | {"commands"},
    "api": PLATFORM | {"commands", "dask_cluster", "mlflow_plugin", "spool"},
    # What a notebook computes with; it is of the process, for every door in it.
    "dask_cluster": GROUND | {"platform"},
    "cli": PLATFORM | {"commands"},
    "magics": PLATFORM | {"commands", "api", "kernel"},
    # The package itself only hands on.
    "__init__": PLATFORM | {"api", "magics", "results", "server"},
}

ALSO = {
    # It reports on the whole platform, so it is handed the whole platform; the import is for the type only.
    "services/status.py": {"platform"},
    # jupyter_client makes it, in a process that has no platform yet.
    "kernel/provisioner.py": {"platform"},
}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


def part_of(path: Path) -> str:
    """The part of the house that a module belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@functools.cache
def imports(path: Path) -> list[tuple[int, str, bool]]:
    """Line, absolute name and "at module top" of everything that `path` imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ["jupyter_mlplat", *path.relative_to(PACKAGE).parts[:-1]]

    def visit(node: ast.AST, top: bool) -> Iterator[tuple[int, str, bool]]:
        for child in ast.iter_child_nodes(node):
            inside = top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inside = False
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield child.lineno, alias.name, inside
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *(child.module.split(".") if child.module else [])])
                for alias in child.names:
                    yield child.lineno, f"{module}.{alias.name}", inside
            else:
                yield from visit(child, inside)

    return list(visit(tree, True))


def imported() -> Iterator[tuple[Path, str, str, bool]]:
    """Everything that is imported: by which module, where (for messages), its name, and "at module top"."""
    for path in MODULES:
        for line, name, top in imports(path):
            yield path, f"{path.relative_to(PACKAGE).as_posix()}:{line}", name, top


def test_a_module_imports_only_what_its_place_allows() -> None:
    parts = {part_of(module) for module in MODULES} - {"__init__"}
    homeless = parts - MAY_IMPORT.keys()
    assert homeless == set(), f"say in MAY_IMPORT where {homeless} stand in the house"
    wrong = []
    for path, place, name, _ in imported():
        names = name.split(".")
        if names[0] != "jupyter_mlplat" or len(names) < 2 or names[1] not in parts:
            continue
        part = part_of(path)
        if names[1] not in {part} | MAY_IMPORT[part] | ALSO.get(path.relative_to(PACKAGE).as_posix(), set()):
            wrong.append(f"{place}: {part} may not import {name}")
    assert wrong == []


def test_a_module_loads_nothing_heavy_at_its_top() -> None:
    wrong = [
        f"{place}: {name}"
        for path, place, name, top in imported()
        if top and name.split(".")[0] in (LATE if str(path.relative_to(PACKAGE)) in STARTS else HEAVY)
    ]
    assert wrong == [], "import it inside the function that needs it"


def test_the_zygote_of_kernels_stands_alone() -> None:
    """It runs by path on the Python of a kernelspec, where nothing of ours is installed."""
    allowed = sys.stdlib_module_names | {"IPython", "ipykernel", "jupyter_client", "jupyter_core", "traitlets"}
    own = "jupyter_mlplat.kernel.zygote."
    paths = sorted((PACKAGE / "kernel" / "zygote").glob("*.py"))
    assert paths
    for path in paths:
        # The package is `_mlplat_zygote` there: what is above it does not exist.
        assert [name for _, name, _ in imports(path) if name.split(".")[0] not in allowed and own not in name] == []


def test_what_saves_the_variables_of_a_kernel_stands_alone() -> None:
    """It is imported by path in the user's kernel, where nothing of ours is installed."""
    allowed = sys.stdlib_module_names | {"IPython", "cloudpickle"}
    own = "jupyter_mlplat.kernel.state."
    paths = sorted((PACKAGE / "kernel" / "state").glob("*.py"))
    assert paths
    for path in paths:
        assert [name for _, name, _ in imports(path) if name.split(".")[0] not in allowed and own not in name] == []


def test_only_the_server_knows_tornado() -> None:
    wrong = [
        f"{place}: {name}"
        for path, place, name, _ in imported()
        if part_of(path) != "server" and name.split(".")[0] in ("tornado", "jupyter_server")
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["jupyter_mlplat", "jupyter_mlplat.cli", "jupyter_mlplat.server.app"])
def test_a_start_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, json, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert LATE & set(json.loads(done.stdout)) == set()


def test_the_help_of_the_shell_loads_nothing_heavy() -> None:
    code = (
        "import sys, json\nfrom jupyter_mlplat.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert "usage: jupyter mlplat" in done.stdout
    assert LATE & set(json.loads(done.stderr.splitlines()[-1])) == set()


def test_importing_the_package_sets_no_variable_and_writes_nothing(tmp_path: Path) -> None:
    code = "import os; before = dict(os.environ); import jupyter_mlplat; assert dict(os.environ) == before"
    environment = {**os.environ, "MLPLAT_HOME": str(tmp_path / "data"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert not (tmp_path / "data").exists()


BROUGHT = {"distributed": "dask", "uvloop": "uvicorn", "pydantic_core": "pydantic", "dask_cuda": "dask-cuda"}
"""Modules that come with an extra of the requirement that brings them."""


def test_everything_that_is_imported_is_a_declared_requirement() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["postgresql"], *extras["torch"], *extras["gpu"]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    distributions = packages_distributions()
    missing = set()
    for _, place, name, _ in imported():
        module = name.split(".")[0]
        if module in sys.stdlib_module_names or module == "jupyter_mlplat":
            continue
        names = distributions.get(module, [module]) if module not in BROUGHT else [BROUGHT[module]]
        if not declared & {canonicalize_name(one) for one in names}:
            missing.add(f"{place}: {module}")
    assert sorted(missing) == []


# --- the front end --------------------------------------------------------------------------------

ORDER = [
    "types", "connection", "http", "api", "resource", "watching", "followed", "contact", "ledger", "model", "tokens",
    "links", "panels", "index",
]  # fmt: skip
"""Each may import those before it. A module that is not named here stands between panels and index."""


def layer(path: Path) -> str:
    """The folder or module below src/."""
    first = path.relative_to(SOURCE).parts[0]
    return re.sub(r"\.tsx?$", "", first)


def rank(name: str) -> float:
    return ORDER.index(name) if name in ORDER else ORDER.index("index") - 0.5


def may_import(mine: str, theirs: str) -> bool:
    if theirs == mine:
        return True
    if mine == "widgets":
        return theirs == "types"
    if theirs == "widgets":
        return rank(mine) >= rank("panels")
    return rank(theirs) < rank(mine) or (mine not in ORDER and theirs not in ORDER)


def test_typescript_layers() -> None:
    wrong = []
    paths = sorted(SOURCE.rglob("*.ts*"))
    assert paths
    for path in paths:
        for target in re.findall(r"""(?:from|import)\s*\(?\s*['"](\.[^'"]*)['"]""", path.read_text(encoding="utf-8")):
            if not target.endswith(".css") and not may_import(layer(path), layer((path.parent / target).resolve())):
                wrong.append(f"{path.relative_to(SOURCE)}: {layer(path)} may not import {target}")
    assert wrong == []
