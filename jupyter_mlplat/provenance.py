"""What a run was made of beside what it logs: the commit, what was not committed, the packages.

Standard library alone: kernels ask for it as well.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

NOTEBOOK = "notebook"
FOLDER = "provenance"
"""The folders of a run's artifacts that have its notebook, and what else it was made of."""
DIFF = "uncommitted.diff"
LOCK = "requirements.txt"
FEATURES = "mlplat.features"
"""Tag of a run: the feature views that it has read, with commas between."""

MAX_DIFF = 1 << 20
MAX_TAG = 5000
DIFF_WITHIN_S = 10.0

_METADATA = re.compile(r"^(?P<name>.+?)-(?P<version>[^-]+)(?:-py[\d.]+)?\.(?:dist-info|egg-info)$")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


# --- git ------------------------------------------------------------------------------------------------


def commit_of(folder: Path) -> dict[str, str]:
    """MLflow's tags of the commit that is checked out where `folder` is; none outside of a repository.

    Read from git's own files, which takes part of a millisecond: no process is started.
    """
    try:
        found = _repository(folder)
        if found is None:
            return {}
        own, common = found
        head = _text(own / "HEAD")
        branch = head.removeprefix("ref: ") if head.startswith("ref: ") else ""
        commit = _named(branch, own, common) if branch else head
        if not _COMMIT.fullmatch(commit):
            return {}
        tags = {"mlflow.source.git.commit": commit}
        if branch.startswith("refs/heads/"):
            tags["mlflow.source.git.branch"] = branch.removeprefix("refs/heads/")[:MAX_TAG]
        address = _origin(common)
        if address:
            tags["mlflow.source.git.repoURL"] = address[:MAX_TAG]
        return tags
    except (OSError, ValueError):
        return {}


def diff_of(folder: Path) -> str | None:
    """What differs from the commit that is checked out, without notebooks; None where nothing does or git cannot say.

    Files that git does not know are named at the end, at most 100 of them. At most 1 MiB.
    """
    try:
        found = _repository(folder)
    except (OSError, ValueError):
        return None
    if found is None:
        return None
    notebooks = ":(top,exclude)*.ipynb"  # a run keeps its own
    changed = _git(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--", ":(top)", notebooks)
    unknown = _git(folder, "ls-files", "--others", "--exclude-standard", "--full-name", "--", ":(top)", notebooks)
    if changed is None or unknown is None:
        return None
    names = unknown.splitlines()
    listed = [f"# not in git: {name}\n" for name in names[:100]]
    if len(names) > len(listed):
        listed.append(f"# and {len(names) - len(listed)} more files\n")
    return changed + "".join(listed) or None


def _git(folder: Path, *words: str) -> str | None:
    """What git prints, at most 1 MiB of it; None where it fails or takes too long."""
    # What a repository would have git start for this is not started.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *words]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None
    with process:
        too_long = threading.Timer(DIFF_WITHIN_S, process.kill)
        too_long.start()
        assert process.stdout is not None
        printed = process.stdout.read(MAX_DIFF + 1)
        if len(printed) > MAX_DIFF:
            process.kill()
            whole = printed[:MAX_DIFF].decode("utf-8", "replace").rpartition("\n")[0]
            return f"{whole}\n# cut: it has more than 1 MiB\n"
        process.wait()
        too_long.cancel()
    return None if process.returncode else printed.decode("utf-8", "replace")


def _repository(folder: Path) -> tuple[Path, Path] | None:
    """Git's folder of the work tree in which `folder` is, and the one that all work trees share."""
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_file():  # a work tree beside the first, or a submodule
            git = place / _text(git).removeprefix("gitdir: ")
        if git.is_dir():
            shared = git / "commondir"
            return git, git / _text(shared) if shared.is_file() else git
    return None


def _named(branch: str, own: Path, common: Path) -> str:
    if ".." in branch:
        return ""
    for place in (own, common):
        if (place / branch).is_file():
            return _text(place / branch)
    packed = common / "packed-refs"
    lines = packed.read_text(encoding="utf-8", errors="replace").splitlines() if packed.is_file() else []
    return next((line[: -len(branch) - 1] for line in lines if line.endswith(f" {branch}")), "")


def _origin(common: Path) -> str:
    """Where the repository comes from, without the password that may stand in it."""
    lines = (common / "config").read_text(encoding="utf-8", errors="replace").splitlines()
    config = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        config.read_string("\n".join(line.strip() for line in lines))
    except configparser.Error:
        return ""
    address = config.get('remote "origin"', "url", fallback=None) or ""
    parts = urlsplit(address)
    if parts.scheme and "@" in parts.netloc:
        address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return address


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


# --- devices --------------------------------------------------------------------------------------------


def devices_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Tags of the lease and the devices that an environment shows; none where it has no lease."""
    if not environment.get("MLPLAT_LEASE"):
        return {}
    return {"mlplat.lease": environment["MLPLAT_LEASE"], "mlplat.gpus": environment.get("CUDA_VISIBLE_DEVICES", "")}


# --- packages -------------------------------------------------------------------------------------------


def packages(paths: Iterable[str]) -> dict[str, str]:
    """Name -> version of what is installed in `paths`: from the names of its metadata, which takes a millisecond."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            names = os.listdir(path or ".")
        except OSError:
            continue
        for name in names:
            match = _METADATA.match(name)
            if match is not None:
                found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return dict(sorted(found.items()))


def lock_of(python: str, installed: dict[str, str]) -> str:
    """The packages as a requirements file."""
    return "".join([f"# Python {python}\n", *(f"{name}=={version}\n" for name, version in installed.items())])
