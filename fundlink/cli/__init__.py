"""The verbs as commands: ``fundlink intake | submit | collect | reconcile | export | …`` (thin).

Exit codes: 0 done, 1 this call's unit was not done, 2 wrong usage, 75 busy, 78 wrong configuration, 130 / 141 interrupted.
No traceback ever reaches a user.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

import typer
from typer.exceptions import TyperException

from fundlink import __version__
from fundlink.cli import admin, tools, verbs
from fundlink.domain.errors import BusyError, ConfigurationError, FundlinkError, OutcomeUnknownError, ProblemError, UsageError
from fundlink.domain.problems import Problem, problem

app = typer.Typer(
    name="fundlink",
    help="自治体の公金（税以外）を eLTAX 形式でやり取りするための、つなぎのソフトです。",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
verbs.register(app)
admin.register(app)
tools.register(app)


@app.command("version", help="版を表示する。")
def version(as_json: bool = typer.Option(False, "--json", help="JSON で出力")) -> None:
    """Print the version."""
    sys.stdout.write(json.dumps({"version": __version__}) + "\n" if as_json else f"fundlink {__version__}\n")


def main() -> None:
    """Run a command; everything that can go wrong on purpose becomes words and an exit code."""
    try:
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(_tell(130, "中断しました。確定したところまでは残っています。同じコマンドで続きから行えます。", []))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, standalone_mode=False)
    except typer.Exit as done:
        return int(done.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        raise KeyboardInterrupt from None
    except TyperException as error:
        return _misused(error)
    except UsageError as error:
        return _tell(2, str(error), [])
    except FundlinkError as error:
        return _failed(error)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  (the last resort: a person sees one line, never a traceback)
        _note(error)
        return _tell(1, "", [problem("FL-INT-001", detail=type(error).__name__)])
    return int(code) if isinstance(code, int) else 0


def _misused(error: TyperException) -> int:
    """Wrong usage: the help where nothing was asked, one line otherwise."""
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(str(error).rstrip() + "\n")
        return 2
    told = error.format_message() if hasattr(error, "format_message") else str(error)
    return _tell(2, f"使い方が違います: {told}（fundlink --help）", [])


def _note(error: BaseException) -> None:
    """The details of a program error go to a file beside the data: places in the code, no values."""
    import datetime as dt
    import traceback

    from fundlink import bootstrap

    with contextlib.suppress(OSError, FundlinkError), (bootstrap.settings().folder / "errors.log").open("a", encoding="utf-8") as log:
        places = "".join(traceback.format_tb(error.__traceback__))
        log.write(f"{dt.datetime.now(dt.UTC).isoformat()} {type(error).__name__}\n{places}\n")


def _failed(error: FundlinkError) -> int:
    if isinstance(error, BusyError):
        return _tell(error.exit_code, "", [problem("FL-LCK-001")])
    if isinstance(error, (ProblemError, ConfigurationError)):
        return _tell(error.exit_code, "", error.problems)
    if isinstance(error, OutcomeUnknownError):
        return _tell(1, "", [problem("FL-GTW-003")])
    return _tell(error.exit_code, str(error), [])


def _tell(code: int, words: str, problems: list[Problem]) -> int:
    """One line a problem for people, one object for programs."""
    told = [one.as_json() for one in problems]
    if "--json" in sys.argv:
        body: dict[str, Any] = {"ok": False, "exit": code, "message": words or told[0]["message"], "problems": told}
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    lines = [words] if words else []
    lines += [f"{one['code']} {one['place'] or ''} {one['message']} → {one['next']}".replace("  ", " ") for one in told]
    sys.stderr.write("\n".join(lines) + "\n")
    return code
