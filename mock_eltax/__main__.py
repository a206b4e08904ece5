"""`python -m mock_eltax`: starts one mock and says where it listens.

Called by people, demos and tests. Prints exactly one line to stdout; everything else goes to stderr.
"""

import argparse
import socket
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from mock_eltax import clock
from mock_eltax.app import make_app
from mock_eltax.scenarios import SCENARIOS
from mock_eltax.world import open_world


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    options = _options(arguments)
    try:
        clock.now()
        world = open_world(options.state, options.seed, options.scenario)
    except (OSError, sqlite3.Error, ValueError) as fault:
        sys.stderr.write(f"mock_eltax: 始められません / cannot start: {fault}\n")
        return 1
    listener = _listen(options.host, options.port)
    if listener is None:
        sys.stderr.write(f"mock_eltax: ポート {options.port} は使えません / port {options.port} is not available\n")
        return 1
    address = f"http://{options.host}:{listener.getsockname()[1]}"
    app = make_app(world, lambda: _say(f"mock_eltax listening on {address}"))
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mock_eltax", description="eLTAX風ゲートウェイの模擬環境 / a mock of an eLTAX-style gateway")
    parser.add_argument("--host", default="127.0.0.1", help="待ち受けるアドレス / address to listen on")
    parser.add_argument("--port", type=int, default=8180, help="0 は空きポート / 0 picks a free port")
    parser.add_argument("--state", type=Path, required=True, help="状態を置くフォルダー / folder for the state")
    parser.add_argument("--seed", default="1", help="乱数の種 / one seed gives one history")
    parser.add_argument("--scenario", default="everyday", choices=list(SCENARIOS), help="既定のシナリオ / default scenario")
    return parser.parse_args(arguments)


def _listen(host: str, port: int) -> socket.socket | None:
    try:
        listener = socket.create_server((host, port), backlog=128)
    except OSError:
        return None
    return listener


if __name__ == "__main__":
    sys.exit(main())
