"""`GET /docs`: one page about an endpoint, with nothing loaded from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

HEADERS = [
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid #8884; }
pre { background: #8882; padding: .8rem; overflow: auto; border-radius: 6px; }
"""

ROUTES = [
    ("POST /invocations", "predict, in MLflow's forms: dataframe_split, dataframe_records, instances, inputs; or CSV"),
    ("POST /v2/models/{name}/infer", "predict, in the Open Inference Protocol"),
    ("GET /v2/models/{name}", "inputs and outputs with their types, and an example"),
    ("GET /v2/health/live, /v2/health/ready", "open to all: is it there, does it take requests"),
    ("GET /metrics", "requests, errors and seconds, for Prometheus"),
]


def render(name: str, base: str, metadata: dict[str, Any]) -> bytes:
    """The page of endpoint `name` at the address `base`."""
    example = metadata["parameters"]["example"]
    body = json.dumps(example, indent=2) if example is not None else '{"inputs": …}'
    command = (
        f'curl {base}/invocations \\\n  -H "Authorization: Bearer $(cat TOKEN_FILE)" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  --data @body.json"
    )
    routes = "".join(f"<tr><td><code>{escape(path)}</code></td><td>{escape(does)}</td></tr>" for path, does in ROUTES)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title><style>{STYLE}</style></head><body>
<h1>{escape(name)}</h1>
<p>Model <strong>{escape(str(metadata["name"]))}</strong>, version {escape(", ".join(metadata["versions"]))}
({escape(metadata["platform"])}). Every request but the two health checks carries the bearer token.</p>
<h2>Inputs</h2>{_table(metadata["inputs"], "The model has no signature: it takes what its author's code takes.")}
<h2>Outputs</h2>{_table(metadata["outputs"], "The model does not say.")}
<h2>Example</h2><p>A body of <code>POST /invocations</code>:</p><pre>{escape(body)}</pre><pre>{escape(command)}</pre>
<h2>Addresses</h2><table>{routes}</table>
</body></html>
""".encode()


def _table(tensors: list[dict[str, Any]], empty: str) -> str:
    if not tensors:
        return f"<p>{escape(empty)}</p>"
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['datatype'])}</td>"
        f"<td>{escape(str(each['shape']))}</td></tr>"
        for each in tensors
    )
    return f"<table><thead><tr><th>Name</th><th>Type</th><th>Shape</th></tr></thead><tbody>{rows}</tbody></table>"
