from __future__ import annotations

import subprocess
import sys


def test_zeep_and_paramiko_are_imported_at_first_use() -> None:
    script = "import sys, hub.wire, hub.formats; print([name for name in ('zeep', 'paramiko') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
