"""Random histories against ill-mannered vendors: the real store, reader and writer, with a stepped clock.

People edit, delete, re-create, opt out and merge; the network loses and garbles; the process is killed; jobs run late,
twice or never. At the end everything heals, the hub syncs until quiet, and what people did is held against what every
system holds. The same seed gives the same trace.
"""

from __future__ import annotations

from sync_jobs.simulation.play import Trace, simulate

__all__ = ["Trace", "simulate"]
