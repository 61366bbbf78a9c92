"""GPUs that are not there: for tests, and to see on a laptop how sharing them would feel."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import Invalid
from ..models import GPU

_ONE = re.compile(r"(?P<count>\d{1,2})x(?P<name>[A-Za-z][\w. -]*?)-(?P<size>\d{1,4})G")


class FakeSource:
    """Devices by a text: `4xA100-80G`, or several kinds with commas between.

    What is in use of them is what the file `used` says, a JSON object UUID -> bytes, or UUID -> {"memory": bytes,
    "utilization": 0.4, "power": 310.0}; where it says nothing no memory, and a load that is not known.
    """

    def __init__(self, spec: str, used: Path) -> None:
        self.name = f"fake:{spec}"
        self._used = used
        self._devices: list[GPU] = []
        for part in spec.split(","):
            found = _ONE.fullmatch(part.strip())
            if found is None:
                raise Invalid(
                    f"{part!r} are no fake GPUs", hint="write COUNTxMODEL-SIZEG, like fake:4xA100-80G,1xT4-16G"
                )
            for _ in range(int(found["count"])):
                index = len(self._devices)
                self._devices.append(
                    GPU(
                        index=index,
                        uuid=f"GPU-fake-{os.uname().nodename}-{index}",
                        name=f"{found['name']}-{found['size']}G",
                        memory_total_bytes=int(found["size"]) * 2**30,
                        memory_used_bytes=0,
                    )
                )

    def devices(self) -> Sequence[GPU]:
        """The devices, by index."""
        said = self._read()
        found = []
        for one in self._devices:
            now = said.get(one.uuid, 0)
            said_of = now if isinstance(now, dict) else {"memory": now}
            used = min(int(said_of.get("memory", 0)), one.memory_total_bytes)
            load, power = said_of.get("utilization"), said_of.get("power")
            found.append(one.model_copy(update={"memory_used_bytes": used, "utilization": load, "power_watts": power}))
        return found

    def _read(self) -> Mapping[str, Any]:
        try:
            content = json.loads(self._used.read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}
