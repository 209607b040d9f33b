"""Who else computes meanwhile."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")  # Linux only; elsewhere nothing is known of others


def is_known() -> bool:
    """Whether this system tells."""
    return (PROC / "stat").exists()


def read_others() -> float:
    """Seconds of processor time since the start of the machine that were not this benchmark's."""
    if not is_known():
        return 0.0
    # See proc(5): user, nice, system, idle, iowait, irq, softirq, steal; the first two hold guests' time.
    user, nice, system, _, _, irq, softirq, steal = map(int, (PROC / "stat").read_text().split()[1:9])
    ticks = user + nice + system + irq + softirq + steal - _sum_own(_read_processes(), os.getpid())
    return ticks / os.sysconf("SC_CLK_TCK")


def _read_processes() -> dict[int, tuple[int, int]]:
    """Each process's parent and its clock ticks, those of children it has waited for included."""
    found = {}
    for path in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            found[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found


def _sum_own(processes: Mapping[int, tuple[int, int]], process: int) -> int:
    """The ticks of `process` and of all that descend from it."""
    children = [number for number, (parent, _) in processes.items() if parent == process]
    return processes[process][1] + sum(_sum_own(processes, child) for child in children)
