"""The kernels of this server that hold devices, and how they end when the devices are taken back."""

from __future__ import annotations

from typing import Any


def holder(kernels: Any, lease_id: str) -> str | None:
    """The id of the kernel whose provisioner holds a granted lease; None where this server has none.

    `kernels` is the server's kernel manager.
    """
    for kernel_id in kernels.list_kernel_ids():
        provisioner = getattr(kernels.get_kernel(kernel_id), "provisioner", None)
        if getattr(provisioner, "lease_id", None) == lease_id:
            return str(kernel_id)
    return None


async def shut_down(
    kernels: Any, sessions: Any, lease_id: str, *, reason: str | None = None, busy: bool = True
) -> bool:
    """Shut down the kernel that holds a lease, as its user would, which ends the lease with that reason.

    Returns False where this server has no such kernel, and without `busy` where it runs a cell.
    """
    kernel_id = holder(kernels, lease_id)
    if kernel_id is None:
        return False
    if not busy and getattr(kernels.get_kernel(kernel_id), "execution_state", None) == "busy":
        return False
    kernels.get_kernel(kernel_id).provisioner.end_reason = reason
    try:
        found = [one["id"] for one in await sessions.list_sessions() if one["kernel"]["id"] == kernel_id]
        if found:
            await sessions.delete_session(found[0])
        else:
            await kernels.shutdown_kernel(kernel_id)
    except Exception:
        # Its user was quicker.
        if holder(kernels, lease_id) is not None:
            raise
    return True
