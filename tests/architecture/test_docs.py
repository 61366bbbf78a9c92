"""The docs say all that there is, and only what there is."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jupyter_mlplat.commands import GRAMMAR
from jupyter_mlplat.commands.grammar import make_parser
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.magics.state import OWN
from jupyter_mlplat.server.base import PREFIX
from jupyter_mlplat.server.routes import ROUTES
from jupyter_mlplat.serving import app as serving

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOUNS = ["runs", "jobs", "gpus", "deployments", "features", "drift"]
LATER = re.compile(r"^## Not in this version$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def text(*pages: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages or PAGES)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- all that there is ----------------------------------------------------------------------------


def test_the_generated_parts_are_not_stale() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_noun_has_a_page_that_the_readme_links() -> None:
    for noun in NOUNS:
        page = ROOT / "docs" / f"{noun}.md"
        assert page.read_text().lower().startswith(f"# {noun}")
        assert f"(docs/{noun}.md)" in text(ROOT / "README.md")


def test_every_command_and_option_is_documented() -> None:
    page = text(ROOT / "docs" / "cli.md")
    for command in GRAMMAR.commands.values():
        _, heading, rest = page.partition(f"### `jupyter mlplat {command.words}`\n")
        assert heading, f"{command.words} is not in docs/cli.md"
        section = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
        for one in (*command.arguments, *command.one_of):
            for flag in one.flags:
                if flag.startswith("-"):
                    assert flag in section, f"{command.words} {flag} is not in docs/cli.md"


def test_every_verb_of_a_noun_is_on_its_own_page() -> None:
    for noun in [*NOUNS, "schedules", "sweeps", "pipelines"]:
        page = text(ROOT / "docs" / f"{noun}.md")
        missing = [verb for verb in GRAMMAR.verbs(noun) if not re.search(rf"\b{verb}\b", page)]
        assert missing == [], f"docs/{noun}.md does not name them"


def test_the_magics_are_documented() -> None:
    for magic in ("%load_ext jupyter_mlplat", "%mlplat", "%%mlplat run", *(f"%mlplat {word}" for word in OWN)):
        assert magic in text(ROOT / "docs" / "cli.md")


def test_every_route_is_documented() -> None:
    page = text(ROOT / "docs" / "rest.md")
    for route in ROUTES:
        assert route.operations, f"{route.path} says nothing about its verbs"
        for method in route.operations:
            path = route.path if route.prefix == PREFIX else f"{{base_url}}{(route.prefix + route.path).lstrip('/')}"
            assert f"`{method.upper()} {path}`" in page


def test_every_route_of_an_endpoint_is_documented() -> None:
    page = text(ROOT / "docs" / "deployments.md")
    names = serving.ROUTES | {"/v2/models/{name}", "/v2/models/{name}/ready", "/v2/models/{name}/infer"}
    assert [name for name in sorted(names) if not re.search(rf"(GET|POST) {re.escape(name)}`", page)] == []


def test_every_setting_is_documented(generator: ModuleType) -> None:
    page = text(ROOT / "docs" / "configuration.md")
    for cls in generator.configurables():
        for name, trait in generator.own_settings(cls).items():
            assert f"`c.{cls.__name__}.{name}`" in page
            assert trait.help, f"c.{cls.__name__}.{name} has no help text"


def test_every_variable_is_documented_and_real() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "jupyter_mlplat").rglob("*.py"))
    pattern = re.compile(r"\bMLPLAT_[A-Z_]+\b")
    used, documented = set(pattern.findall(source)), set(pattern.findall(text()))
    assert used - documented == set()
    assert documented - used == set()


def test_every_event_is_documented() -> None:
    import yaml

    for path in (ROOT / "jupyter_mlplat" / "server" / "events").glob("*.yaml"):
        assert f"`{yaml.safe_load(path.read_text())['$id']}`" in text(ROOT / "docs" / "rest.md")


# --- only what there is ---------------------------------------------------------------------------


def commands_in(page: str) -> list[str]:
    """The commands that a page shows, in code spans, blocks and magics."""
    page = re.sub(r"^#.*$", "", LATER.sub("", page), flags=re.MULTILINE)
    found = re.findall(r"^(?:\w+ = )?((?:jupyter |%)mlplat .*)$", page, re.MULTILINE)
    return found + re.findall(r"`((?:jupyter |%)mlplat [^`]+)`", page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    for line in commands_in(page.read_text(encoding="utf-8")):
        words = shlex.split(line.split("  #")[0])
        words = words[words.index("mlplat") + 1 :] if "mlplat" in words else words[1:]
        if "<noun>" in words or words[:1] in (["…"], ["--version"], ["--help"]):
            continue
        first = OWN[words[0]][0] if words[0] in OWN else GRAMMAR.commands.get(("", words[0]))
        command = first or GRAMMAR.commands.get((words[0], words[1]))
        assert command is not None, f"{page.name} shows {line!r}"
        try:
            make_parser(command).parse_args([word for word in words[1 if first else 2 :] if word != "--help"])
        except Invalid as error:
            pytest.fail(f"{page.name} shows {line!r}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_route_that_is_shown_exists(page: Path) -> None:
    ours = {(method.upper(), route.path) for route in ROUTES for method in route.operations}
    ours |= {("GET", "{base_url}mlplat/metrics")}
    for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) ([^`\s]+)`", LATER.sub("", page.read_text())):
        known = (method, path) in ours or (page.name == "deployments.md" and serving._route(path) != "unknown")
        assert known, f"{page.name} shows {method} {path}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_is_shown_exists(page: Path, generator: ModuleType) -> None:
    known = {f"{cls.__name__}.{name}" for cls in generator.configurables() for name in cls.class_trait_names()}
    shown = re.findall(r"\bc\.([A-Z]\w+\.\w+)", page.read_text(encoding="utf-8"))
    assert [name for name in shown if name not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not target.startswith("http")]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", text(), re.MULTILINE)) != set()
    shown = {one or two for one, two in re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", text(), re.MULTILINE)}
    assert shown - targets == set()


def test_every_python_name_that_is_shown_exists() -> None:
    import jupyter_mlplat

    for name, attribute in re.findall(r"\bmlplat\.(\w+)\.(\w+)\(", text()):
        assert hasattr(getattr(jupyter_mlplat, name), attribute), f"mlplat.{name}.{attribute} is shown"
    for name in re.findall(r"from jupyter_mlplat import (\w+)", text()):
        assert hasattr(jupyter_mlplat, name)
