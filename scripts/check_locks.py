"""Exit 1 where a requirement of pyproject.toml is not met by the locks: run `make lock`. Needs no network."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
NEVER = {"torch", "dask-cuda"}
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, set[Version]]:
    """Package -> the versions that the lock has of it (more than one where markers divide them)."""
    found: dict[str, set[Version]] = {}
    for name, version in PIN.findall(lock.read_text()):
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


def problems() -> list[str]:
    """One line for each requirement that a lock does not meet."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = canonicalize_name(project["name"])
    extras: dict[str, list[str]] = project["optional-dependencies"]

    def expand(requirements: list[str]) -> list[Requirement]:
        out = []
        for requirement in map(Requirement, requirements):
            if canonicalize_name(requirement.name) == own:
                for extra in requirement.extras:
                    out += expand(extras[extra])
            else:
                out.append(requirement)
        return out

    lines = []
    core = project["dependencies"]
    for lock, requirements in (("requirements.lock", core), ("requirements-dev.lock", [*core, *extras["dev"]])):
        have = pins(ROOT / lock)
        for requirement in expand(requirements):
            versions = have.get(canonicalize_name(requirement.name))
            if not versions:
                lines.append(f"{lock} lacks {requirement}")
            elif not all(requirement.specifier.contains(version, prereleases=True) for version in versions):
                lines.append(f"{lock} has {requirement.name} {', '.join(map(str, versions))}, wanted {requirement}")
        lines += [f"{lock} holds {name}, which must stay out of it" for name in sorted(NEVER & have.keys())]
    return lines


if __name__ == "__main__":
    found = problems()
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    if found:
        print("hint: make lock", file=sys.stderr)
    sys.exit(bool(found))
