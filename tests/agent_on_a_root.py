"""An agent on another machine: `python -m tests.agent_on_a_root STATE ROOT` serves on a free port like `trustconf
serve`, and reads in the folder ROOT what it would read of the machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agent.daemon import serve
from agent.host.contract import KernelName
from agent.host.rooted import RootedHost
from agent.settings import Settings


def main() -> int:
    state, root = Path(sys.argv[1]), Path(sys.argv[2])
    return serve(state, Settings(port=0), host=RootedHost(root, kernel=KernelName(*os.uname())))


if __name__ == "__main__":
    sys.exit(main())
