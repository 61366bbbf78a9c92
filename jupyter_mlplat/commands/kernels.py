"""kernels: those that wait warm, and kernelspecs that come with GPUs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Conflict, Invalid, Unavailable
from .blocks import Block, Bytes, Facts, Table, Text, Value
from .grammar import Call, Command, argument
from .values import count, delay, size

if TYPE_CHECKING:
    from ..models import Page, WarmKernels

NAME = "mlplat-gpu"


def list_kernels(call: Call) -> Page[WarmKernels]:
    from ..kernel.pool import Pool
    from ..models import Page, WarmKernels

    pool = Pool(call.platform.home, **call.platform.warm)
    return Page[WarmKernels](items=[WarmKernels.model_validate(one) for one in pool.status()])


def install(call: Call) -> dict[str, Any]:
    from jupyter_core.paths import jupyter_data_dir

    args = call.args
    config = {"gpus": args.gpus, "gpu_type": args.gpu_type, "gpu_memory": args.memory, "idle_limit": args.idle_limit}
    name = args.name or (NAME if args.gpus == 1 else f"{NAME}-{args.gpus}")
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or not name.isascii():
        raise Invalid(
            f"a kernelspec cannot be called {name[:80]!r}", hint="letters, digits, - . _", fields={"name": "not a name"}
        )
    base = Path(jupyter_data_dir()) if args.user else Path(sys.prefix) / "share" / "jupyter"
    folder = base / "kernels" / name
    written = _Spec(folder / "kernel.json")
    if not written.is_ours:
        raise Conflict(f"{folder} holds a kernelspec of another program", hint="give another --name")
    spec = {
        "argv": [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": args.display_name or _words(args),
        "language": "python",
        "metadata": {
            "debugger": True,
            "kernel_provisioner": {
                "provisioner_name": "mlplat",
                "config": {key: value for key, value in config.items() if value is not None},
            },
        },
    }
    written.write(spec)
    return {"name": name, "display_name": spec["display_name"], "folder": str(folder)}


class _Spec:
    """The file of a kernelspec."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_ours(self) -> bool:
        """True where there is none yet, or one that our provisioner starts."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return bool(found["metadata"]["kernel_provisioner"]["provisioner_name"] == "mlplat")
        except FileNotFoundError:
            return True
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write(self, spec: dict[str, Any]) -> None:
        """Raises `Unavailable` where it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(spec, indent=1), encoding="utf-8")
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be written: {error.strerror}", hint="give --user") from error


def _words(args: Any) -> str:
    """The kernelspec's name as the launcher shows it: `Python 3 · 1 GPU`."""
    what = args.gpu_type or "GPU"
    words = f"Python 3 · {args.gpus} {what}{'s' if args.gpus > 1 and not args.gpu_type else ''}"
    return f"{words}, {args.memory / 2**30:g}G" if args.memory else words


def show_kernels(page: Page[WarmKernels]) -> list[Block]:
    rows: list[list[Value]] = [
        [
            one.python, f"{one.waiting} of {one.keep}", one.handed_over, Bytes(one.memory + one.waiting_memory),
            Bytes(one.max_memory), ", ".join(one.preloaded), one.refuses or None,
        ]
        for one in page.items
    ]  # fmt: skip
    table = Table(
        ["python", "waiting", "taken", "memory", "at most", "imported", "none because"],
        rows,
        empty="No kernel waits: the first one that is started begins it.",
    )
    left_out = [
        Text(f"not imported ahead: {name}: {why}") for one in page.items for name, why in sorted(one.left_out.items())
    ]
    return [table, *left_out]


def show_installed(made: dict[str, Any]) -> list[Block]:
    return [Facts([("kernelspec", made["name"]), ("shown as", made["display_name"]), ("folder", made["folder"])])]


COMMANDS = [
    Command("kernels", "list", "the kernels that wait warm, and what they come from", list_kernels, show_kernels),
    Command(
        "kernels", "install", "a kernelspec whose kernels come with GPUs", install, show_installed,
        (
            argument("--gpus", type=count, default=1, metavar="N", help="devices (1)"),
            argument("--gpu-type", metavar="NAME", help="a part of the model's name: A100"),
            argument("--gpu-memory", dest="memory", type=size, metavar="SIZE", help="that each has at least: 32G"),
            argument(
                "--idle-limit", type=delay, metavar="TIME", help="of rest, after which one is asked: 2h; 0 is never"
            ),
            argument("--name", metavar="NAME", help="of the kernelspec (mlplat-gpu)"),
            argument("--display-name", metavar="TEXT", help="how the launcher shows it (Python 3 · 1 GPU)"),
            argument("--user", action="store_true", help="for this user, not for the environment"),
        ),
        example="jupyter mlplat kernels install --gpus 1 --gpu-type A100",
    ),
]  # fmt: skip
