"""Secrets reach the notebook's variables, and nothing that is kept or shown."""

from __future__ import annotations

import html
import json
from pathlib import Path

import nbformat
import pytest

from jupyter_mlplat.attempts import OUTPUT
from jupyter_mlplat.runner.secrets import Redactor, Unresolvable, handed_over, resolve

from .test_runner import Run, notebook_at, runs  # noqa: F401 - the fixture `run`

TOKEN = "s3cr3t <token> \"of'mine"
KEY = "-----BEGIN KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQEF\nAASCAUAwggE8AgEAAkEAq7BFUpkGp3\n-----END KEY-----"

WHERE_ELSE = """
import glob, os, subprocess, sys
def has(path):
    try:
        return token.encode() in open(path, "rb").read()
    except OSError:
        return False
me = str(os.getpid())
child = subprocess.run([sys.executable, "-c", "import os; print('HOST_TOKEN' in os.environ, 'A_COPY' in os.environ)"],
    capture_output=True, text=True).stdout.strip()
print("environment:", has(f"/proc/{me}/environ"), "HOST_TOKEN" in os.environ, child)
print("arguments:", any(map(has, glob.glob("/proc/[0-9]*/cmdline"))))
print("files:", any(map(has, glob.glob("/dev/shm/mlplat-*") + glob.glob("/tmp/mlplat-*"))))
print("history:", len(In), "json" in str(In[:-1]), [name for name in list(globals()) if "mlplat" in name])
"""

SHOWN = """
import json, html, sys, time, urllib.parse
from IPython.display import display, HTML, JSON
print("plain", token, "twice", token)
for half in (token[:7], token[7:]):
    print(half, end="", flush=True); time.sleep(0.05)
print(" | halves")
sys.stderr.write("error " + token); sys.stderr.flush()
print(key); print(repr(key)); print(key.splitlines()[1])
print(json.dumps({"token": token}), html.escape(token), urllib.parse.quote(token, safe=""))
display(HTML(f"<b>{html.escape(token)}</b>"))
display(JSON({token: [token]}))
shown = display("begin", display_id=True); shown.update(token)
print("ends like it:", token[:5], end="")
"""

WIDGET = "import ipywidgets\nipywidgets.HTML(value=token)"


def test_the_value_is_in_the_kernel_and_nowhere_else(tmp_path: Path, run: Run) -> None:
    (tmp_path / "key.pem").write_text(KEY + "\n")
    fails = "class Fails(Exception): pass\nraise Fails('no entry for ' + token)"
    cells = [
        "__import__('jupyter_mlplat').set_result('k', token)\nprint(len(token), len(key))",
        WHERE_ELSE,
        SHOWN,
        WIDGET,
        fails,
    ]
    notebook = notebook_at(tmp_path / "nb.ipynb", *cells, parameters="x, token, key = 1, '', ''")
    attempted = run(
        notebook,
        parameters={"x": 2},
        secrets={"token": "env:HOST_TOKEN", "key": "file:key.pem"},
        host={"HOST_TOKEN": TOKEN, "A_COPY": TOKEN},
    )
    record = attempted.wait()
    assert record["results"] == {"k": "[secret token]"}
    assert record["message"] == "cell 5: Fails: no entry for [secret token]"
    assert record["cells"][-1]["error"] == "Fails: no entry for [secret token]"
    said = [cell for cell in nbformat.read(attempted.folder / OUTPUT, as_version=4).cells if cell.cell_type == "code"]
    assert said[2].outputs[0].text == f"{len(TOKEN)} {len(KEY)}\n"
    assert said[3].outputs[0].text.splitlines() == [
        "environment: False False False False",
        "arguments: False",
        "files: False",
        "history: 5 False []",
    ]
    text = "".join(output.text for output in said[4].outputs if output.get("name") == "stdout")
    assert "plain [secret token] twice [secret token]\n[secret token] | halves\n" in text
    assert "[secret key]\n'[secret key]'\n[secret key]\n" in text
    assert text.endswith("ends like it: s3cr3")
    assert attempted.log.startswith(f"{len(TOKEN)} {len(KEY)}\n")
    kept = [path.read_text() for path in attempted.folder.iterdir()] + [json.dumps(attempted.reports)]
    for value in (TOKEN, *KEY.splitlines()[1:3]):
        for form in (value, json.dumps(value)[1:-1], json.dumps(json.dumps(value)[1:-1])[1:-1], html.escape(value)):
            assert [text for text in kept if form in text] == []


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({"token": "env:NOT_THERE"}, "the secret 'token' is 'env:NOT_THERE', and no such variable is set"),
        ({"token": "file:/not/there"}, "cannot read (No such file or directory)"),
        ({"token": "hunter2"}, "the secret 'token' is no reference: write env:VARIABLE or file:PATH"),
        ({"not a name": "env:HOME"}, "'not a name' is not a name that a parameter can have"),
    ],
)
def test_a_secret_that_cannot_be_had_ends_the_attempt_before_the_kernel(
    tmp_path: Path, run: Run, secrets: dict[str, str], said: str
) -> None:
    attempted = run(notebook_at(tmp_path / "nb.ipynb", "1"), secrets=secrets)
    record = attempted.wait()
    assert (record["state"], record["reason"], record["started_at"]) == ("failed", "bad_input", None)
    assert said in record["message"]
    assert "hunter2" not in record["message"] + attempted.log


def test_secrets_are_for_python_only(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "jupyter/kernels/other"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "Other", "language": "R"}))
    attempted = run(
        notebook_at(tmp_path / "nb.ipynb", "1", kernel="other"),
        secrets={"token": "env:HOST_TOKEN"},
        host={"HOST_TOKEN": TOKEN, "JUPYTER_PATH": str(tmp_path / "jupyter")},
    )
    record = attempted.wait()
    assert (record["reason"], record["started_at"]) == ("bad_input", None)
    assert record["message"] == "secrets reach only notebooks in Python, and the kernel 'other' is for R"


# --- the parts ------------------------------------------------------------------------------------


def test_values_cut_anywhere_are_replaced_and_nothing_else_is_lost() -> None:
    text = f"begin {TOKEN}{TOKEN} s3cr s3cr3t <tok {KEY} end s3cr3t"
    whole = Redactor({"token": TOKEN, "key": KEY}).text(text)
    for size in (1, 2, 3, 7, 50):
        redactor = Redactor({"token": TOKEN, "key": KEY})
        pieces = [redactor.stream("stdout", text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join([*pieces, *(last for _, last in redactor.held())]) == whole
    assert whole == "begin [secret token][secret token] s3cr s3cr3t <tok [secret key] end s3cr3t"


def test_streams_wait_for_themselves_only() -> None:
    redactor = Redactor({"pin": "123456"})
    assert redactor.stream("stdout", "a 123") == "a "
    assert redactor.stream("stderr", "456") == "456"
    assert redactor.stream("stdout", "456 b") == "[secret pin] b"
    assert list(redactor.held()) == []


def test_a_short_value_is_left_alone() -> None:
    assert Redactor({"flag": "yes"}).text("yes, yesterday") == "yes, yesterday"


def test_the_file_that_hands_over_is_private_and_gone_afterwards() -> None:
    with handed_over({"token": TOKEN}) as code:
        assert TOKEN not in code
        path = Path(code.rpartition("(")[2].rstrip(")").strip("'"))
        assert path.stat().st_mode & 0o777 == 0o600
        names: dict[str, object] = {}
        exec(code, names)
        assert names["token"] == TOKEN
        assert not path.exists(), "whoever reads it removes it"
    with pytest.raises(RuntimeError), handed_over({"token": TOKEN}) as code:
        raise RuntimeError
    assert not Path(code.rpartition("(")[2].rstrip(")").strip("'")).exists()


def test_a_variable_that_is_a_secret_leaves_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name, value in {"HOST_TOKEN": "0123456789", "A_COPY": "0123456789", "FLAG": "1", "OTHER": "1"}.items():
        monkeypatch.setenv(name, value)
    assert resolve({"a": "env:HOST_TOKEN", "b": "env:FLAG"}, str(tmp_path)) == {"a": "0123456789", "b": "1"}
    assert [name in os.environ for name in ("HOST_TOKEN", "A_COPY", "FLAG", "OTHER")] == [False, False, False, True]
    with pytest.raises(Unresolvable, match="which is empty"):
        (tmp_path / "empty").write_text("\n")
        resolve({"a": "file:empty"}, str(tmp_path))
