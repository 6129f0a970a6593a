#!/opt/hub/venv/bin/python -IS
"""Whether the process in this container answers: exit code 0 or 1. Asks at the ports of both roles, as it cannot know
which one this container has."""

import os
import sys
import urllib.error
import urllib.request

# A proxy that the environment names for the vendors is not asked for this very container.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(listen: str) -> bool:
    """Whether /healthz is well at the port of HOST:PORT."""
    port = listen.rpartition(":")[2]
    try:
        with DIRECT.open(f"http://127.0.0.1:{port}/healthz", timeout=3) as response:
            return bool(response.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


LISTENING = [said for name in ("HUB_LISTEN", "HUB_WORKER_LISTEN") if (said := os.environ.get(name))]
sys.exit(0 if any(answers(said) for said in LISTENING) else 1)
