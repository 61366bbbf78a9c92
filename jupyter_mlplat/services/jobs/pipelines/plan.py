"""From what somebody asks for to a pipeline that can run: notebooks read, references checked, an order found."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import Invalid, MLPlatError
from ....models import JobOptions, PipelineNode, PipelineSpec, RunIf
from ..notebookfile import read_notebook
from ..parameters import schema, validate, why_unknown
from ..submission import check_language, options_of
from .graph import ordered
from .references import OWN, Reference, read, split

NEVER_ALONE = (RunIf.ANY_SUCCEEDED, RunIf.ANY_FAILED)


@dataclass(frozen=True)
class PlannedNode:
    """A node that can run: its notebook as it is now, its own options, what it waits for."""

    name: str
    path: Path
    notebook: dict[str, Any]
    parameters: Mapping[str, Any]
    needs: list[str]
    run_if: RunIf
    options: JobOptions

    def column(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "name": self.name,
            "notebook": str(self.path),
            "parameters": dict(self.parameters),
            "needs": self.needs,
            "run_if": self.run_if.value,
            "options": self.options.model_dump(mode="json"),
        }


def plan(spec: PipelineSpec) -> list[PlannedNode]:
    """The nodes in an order in which they may run.

    Raises `Invalid`, its fields naming the node (`nodes.train.parameters.lr`), for a notebook, an option, a value,
    a reference or a need that cannot be used, for nodes that wait for each other, and for a parameter of the
    pipeline that no node refers to.
    """
    notebooks: dict[Path, tuple[dict[str, Any], dict[str, Any]]] = {}
    needs: dict[str, list[str]] = {}
    for name, node in spec.nodes.items():
        with naming(name):
            needs[name] = _needs(name, node, spec)
    order = ordered(needs)
    for name, node in spec.nodes.items():
        with naming(name):
            path = Path(node.notebook).absolute()
            if path not in notebooks:
                found = read_notebook(path)
                check_language(found)
                notebooks[path] = found, schema(found)
    planned: dict[str, PlannedNode] = {}
    schemas = {name: notebooks[Path(node.notebook).absolute()][1] for name, node in spec.nodes.items()}
    for name, node in spec.nodes.items():
        with naming(name):
            path = Path(node.notebook).absolute()
            notebook = notebooks[path][0]
            options = options_of(notebook, node)
            _check_parameters(node, options, name, spec.parameters, schemas)
            planned[name] = PlannedNode(name, path, notebook, node.parameters, needs[name], node.run_if, options)
    _check_own(spec)
    return [planned[name] for name in order]


def own_schema(spec: PipelineSpec) -> dict[str, Any]:
    """The JSON Schema of the pipeline's own parameters: each is what the first node that refers to it takes.

    Raises `Invalid` for a notebook or a reference that cannot be read.
    """
    properties: dict[str, Any] = {}
    for name, node in spec.nodes.items():
        with naming(name):
            own = {parameter: one.key for parameter, one in _references(node).items() if not one.node}
            if not own:
                continue
            known = schema(read_notebook(Path(node.notebook).absolute()))["properties"]
            for parameter, key in own.items():
                properties.setdefault(key, known.get(parameter, {}))
    return {"type": "object", "properties": properties}


@contextmanager
def naming(node: str) -> Iterator[None]:
    """Let an error say which node it is about."""
    try:
        yield
    except MLPlatError as error:
        fields = {f"nodes.{node}.{field}": wrong for field, wrong in error.fields.items()}
        hint = error.hint or "see what it takes: jupyter mlplat jobs schema NB"
        raise type(error)(f"node {node}: {error.message}", hint=hint, fields=fields) from error


def _references(node: PipelineNode) -> dict[str, Reference]:
    found = {parameter: read(parameter, value) for parameter, value in node.parameters.items()}
    return {parameter: one for parameter, one in found.items() if isinstance(one, Reference)}


def _needs(name: str, node: PipelineNode, spec: PipelineSpec) -> list[str]:
    """The nodes that come before: those that are named, and those that a parameter refers to."""
    if name == OWN:
        raise Invalid(
            f"no node can be called {OWN}: that is how the pipeline's own are referred to", hint="call it otherwise"
        )
    if node.notify:
        raise Invalid(
            "a node tells nobody how it ended", hint="say it once, beside nodes", fields={"notify": "not at a node"}
        )
    wanted = [("needs", one) for one in node.needs]
    wanted += [(f"parameters.{parameter}", one.node) for parameter, one in _references(node).items() if one.node]
    for field, other in wanted:
        if other == name:
            raise Invalid("it waits for itself", hint=f"take {name} away there", fields={field: "is the node itself"})
        if other not in spec.nodes:
            close = difflib.get_close_matches(other, spec.nodes, n=1)
            raise Invalid(
                f"{field.replace('parameters.', 'parameter ')} names {other[:100]!r}, which is no node",
                hint=f"did you mean {close[0]}?" if close else f"the nodes are {', '.join(spec.nodes)}",
                fields={field: "no such node"},
            )
    if not wanted and node.run_if in NEVER_ALONE:
        raise Invalid(
            f"run_if {node.run_if} never holds where nothing comes before",
            hint="say what it needs",
            fields={"run_if": "without needs"},
        )
    return list(dict.fromkeys(other for _, other in wanted))


def _check_parameters(
    node: PipelineNode,
    options: JobOptions,
    name: str,
    own: Mapping[str, Any],
    schemas: Mapping[str, Mapping[str, Any]],
) -> None:
    """Raise `Invalid` for a value that does not fit, a name that is unknown, and where one is missing."""
    known, later = split(node.parameters, own)
    mine = schemas[name]
    for parameter, reference in later.items():
        why, hint = why_unknown(parameter, mine["properties"])
        if not why and parameter in options.secrets:
            why, hint = "is given as a value and as a secret", "take one of them away"
        if not why and reference.kind == "parameters":
            why, hint = why_unknown(reference.key, schemas[reference.node]["properties"])
            why = why and f"refers to {reference}, which {why}"
        if why:
            raise Invalid(f"parameter {parameter} {why}", hint=hint, fields={f"parameters.{parameter}": why})
    required = [parameter for parameter in mine["required"] if parameter not in later]
    validate({**mine, "required": required}, known, secrets=options.secrets)


def _check_own(spec: PipelineSpec) -> None:
    used = {one.key for node in spec.nodes.values() for one in _references(node).values() if not one.node}
    for parameter in spec.parameters:
        if not parameter.isidentifier():
            raise Invalid(
                f"the parameter {parameter[:100]!r} has no usable name",
                hint="letters, digits and _, not starting with a digit",
                fields={f"parameters.{parameter}": "is no name"},
            )
        if parameter not in used:
            close = difflib.get_close_matches(parameter, used, n=1)
            raise Invalid(
                f"no node refers to the parameter {parameter[:100]!r}",
                hint=f"did you mean {close[0]}?" if close else f"refer to it: {{from: parameters.{parameter[:100]}}}",
                fields={f"parameters.{parameter}": "is not used"},
            )
