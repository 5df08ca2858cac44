"""The fuzzer's modules are plain files beside its tests, also run by `make fuzz`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
