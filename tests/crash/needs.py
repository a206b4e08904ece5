"""What the tests of this folder need of the machine; where it is missing they are skipped, but never in CI."""

from __future__ import annotations

import os
import shutil

import pytest

IN_CI = os.environ.get("CI_NO_SKIP") == "1"
needs_strace = pytest.mark.skipif(shutil.which("strace") is None and not IN_CI, reason="strace is not installed")
