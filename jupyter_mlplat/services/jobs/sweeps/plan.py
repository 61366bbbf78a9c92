"""What a sweep is after: its objectives, the constraints on its points, and how Optuna chooses and prunes them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ....errors import Invalid
from ....models import Objective, SweepSpec

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

NEEDS = {"gp": ("scipy", "torch"), "cmaes": ("cmaes",), "qmc": ("scipy",)}
"""Packages that some samplers take beside Optuna."""

_CONSTRAINT = re.compile(r"\s*(?P<metric>\S.*?)\s*(?P<sign><=|>=)\s*(?P<bound>[-+.\deE]+)\s*")


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric."""

    metric: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Reads `latency <= 0.2`. Raises `Invalid`."""
        found = _CONSTRAINT.fullmatch(text)
        try:
            bound = float(found["bound"]) if found is not None else math.nan
        except ValueError:
            bound = math.nan
        if found is None or not math.isfinite(bound):
            raise Invalid(
                f"{text[:80]!r} is no constraint",
                hint="write a metric and a bound: latency <= 0.2, or recall >= 0.9",
                fields={"constraints": text[:80]},
            )
        return cls(found["metric"], found["sign"], bound)

    def __str__(self) -> str:
        return f"{self.metric} {self.sign} {self.bound:g}"

    def violation(self, metrics: Mapping[str, float]) -> float:
        """Above 0 where the bound is broken, as Optuna counts it; infinite where the metric is not there."""
        value = metrics.get(self.metric)
        if value is None or math.isnan(value):
            return math.inf
        return value - self.bound if self.sign == "<=" else self.bound - value


@dataclass(frozen=True)
class Plan:
    """What a sweep is after, as its row says it."""

    strategy: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    sampler: str
    pruner: str
    seed: int

    @classmethod
    def of(cls, row: RowMapping) -> Plan:
        study = row["study"] or {}
        objectives = study.get("objectives")
        if objectives is None:
            objectives = [{"metric": row["metric"], "direction": row["direction"]}] if row["metric"] else []
        return cls(
            strategy=row["strategy"],
            objectives=tuple(Objective(**one) for one in objectives),
            constraints=tuple(map(Constraint.parse, study.get("constraints", ()))),
            sampler=study.get("sampler") or "tpe",
            pruner=study.get("pruner") or "median",
            seed=row["seed"],
        )

    @classmethod
    def made(cls, spec: SweepSpec) -> Plan:
        """Raises `Invalid` for what does not go together, and for a sampler that lacks a package."""
        objectives = list(spec.objectives)
        if spec.metric is not None:
            objectives.insert(0, Objective(metric=spec.metric, direction=spec.direction))
        names = [one.metric for one in objectives]
        if (spec.metric is not None and spec.objectives) or len(set(names)) < len(names):
            raise Invalid(
                "every metric is an objective once",
                hint="give one metric, or all of them as objectives",
                fields={"objectives": "twice"},
            )
        chosen = spec.strategy == "optuna"
        for field in ("sampler", "pruner"):
            if getattr(spec, field) is not None and not chosen:
                raise Invalid(
                    f"a {field} is for points that Optuna chooses",
                    hint=f"leave {field} away, or use the strategy optuna",
                    fields={field: f"not with {spec.strategy}"},
                )
        several = len(objectives) > 1
        if several and spec.pruner not in (None, "none"):
            raise Invalid(
                "a sweep with several objectives prunes nothing",
                hint="leave pruner away, or give one metric",
                fields={"pruner": "not with several objectives"},
            )
        if several and spec.sampler == "cmaes":
            raise Invalid(
                "cmaes is for one objective", hint="use tpe, gp or nsgaii", fields={"sampler": "not with several"}
            )
        lacking = [name for name in NEEDS.get(spec.sampler or "", ()) if find_spec(name) is None]
        if lacking:
            raise Invalid(
                f"the sampler {spec.sampler} needs {' and '.join(lacking)}, not installed here",
                hint=f"pip install {' '.join(lacking)}",
                fields={"sampler": f"needs {' and '.join(lacking)}"},
            )
        return cls(
            strategy=spec.strategy,
            objectives=tuple(objectives),
            constraints=tuple(map(Constraint.parse, spec.constraints)),
            sampler=spec.sampler or "tpe",
            pruner=spec.pruner or ("none" if several else "median"),
            seed=spec.seed,
        )

    @property
    def column(self) -> dict[str, Any]:
        """As the row of the sweep keeps it; `metrics` are all that its jobs have to keep."""
        return {
            "objectives": [one.model_dump() for one in self.objectives],
            "constraints": [str(one) for one in self.constraints],
            "sampler": self.sampler if self.strategy == "optuna" else None,
            "pruner": self.pruner if self.strategy == "optuna" else None,
            "metrics": [*(one.metric for one in self.objectives), *(one.metric for one in self.constraints)],
        }

    @property
    def prunes(self) -> bool:
        """True where a trial may be found hopeless before its end."""
        return self.strategy == "optuna" and len(self.objectives) == 1 and self.pruner != "none"

    def values(self, metrics: Mapping[str, float]) -> list[float | None]:
        """Those of the objectives."""
        return [metrics.get(one.metric) for one in self.objectives]

    def feasible(self, metrics: Mapping[str, float]) -> bool:
        """True where no constraint is broken."""
        return all(one.violation(metrics) <= 0 for one in self.constraints)
