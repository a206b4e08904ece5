"""The verbs as commands: ``fundlink intake | submit | collect | reconcile | export | …`` (thin).

Exit codes: 0 done, 1 this call's unit was not done, 2 wrong usage, 75 busy, 78 wrong configuration, 130 / 141 interrupted.
No traceback ever reaches a user.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
from typing import Any

import typer
from typer.exceptions import TyperException

from fundlink import __version__
from fundlink.cli import (
    absence,
    accounts,
    admin,
    books,
    cases,
    messages,
    proposals,
    reports,
    settling,
    slips,
    small_funds,
    tools,
    upkeep,
    users,
    verbs,
)
from fundlink.domain.errors import BusyError, ConfigurationError, FundlinkError, NotKeptError, OutcomeUnknownError, ProblemError, UsageError
from fundlink.domain.problems import Problem, problem

INTERRUPTED = 130
AGAIN_S = 0.05
app = typer.Typer(
    name="fundlink",
    help="団体の公金（税以外）を eLTAX 形式でやり取りするための、つなぎのソフトです。",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
verbs.register(app)
messages.register(app)
absence.register(app)
books.register(app)
slips.register(app)
small_funds.register(app)
reports.register(app)
admin.register(app)
settling.register(app)
accounts.register(app)
cases.register(app)
proposals.register(app)
upkeep.register(app)
tools.register(app)
users.register(app)


@app.command("version", help="版を表示する。")
def version(as_json: bool = typer.Option(False, "--json", help="JSON で出力")) -> None:
    """Print the version."""
    sys.stdout.write(json.dumps({"version": __version__}) + "\n" if as_json else f"fundlink {__version__}\n")


def main() -> None:
    """Run a command; everything that can go wrong on purpose becomes words and an exit code."""
    _keep_no_log()
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _hear_again
    try:
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts twice has been heard the first time
        sys.exit(_tell(INTERRUPTED, "中断しました。確定したところまでは残っています。同じコマンドで続きから行えます。", []))
    except BrokenPipeError:
        _silence()
        sys.exit(141)


def _keep_no_log() -> None:
    """A library's warning, with its traceback, is no word to a clerk; the commands that stay (serve, work) configure logs."""
    records = logging.getLogger()
    if not records.handlers:
        records.addHandler(logging.NullHandler())


def _hear_again(told: sys.UnraisableHookArgs) -> None:
    """An interruption that fell where none can be raised (while something was put away) comes once more, a moment later."""
    if issubclass(told.exc_type, KeyboardInterrupt):
        threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(told)


def _run(arguments: list[str]) -> int:
    try:
        code = _called(arguments)
    except typer.Exit as done:
        return int(done.exit_code)
    except TyperException as error:
        return _misused(error)
    except UsageError as error:
        return _tell(2, str(error), [])
    except FundlinkError as error:
        return _failed(error)
    except BrokenPipeError:
        raise
    except SystemExit as ended:  # the command library ends a closed pipe on its own
        raise (ended.__context__ if isinstance(ended.__context__, BrokenPipeError) else ended) from None
    except Exception as error:  # noqa: BLE001  (the last resort: a person sees one line, never a traceback)
        _note(error)
        return _tell(1, "", [_unforeseen(error)])
    if code == INTERRUPTED:  # what the command library makes of an interruption
        raise KeyboardInterrupt
    return int(code) if isinstance(code, int) else 0


def _called(arguments: list[str]) -> Any:
    """What the command answers; whatever went wrong because of an interruption (work being put away, mostly) is the interruption."""
    try:
        return app(arguments, standalone_mode=False)
    except BaseException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, (typer.Abort, KeyboardInterrupt)):
                raise KeyboardInterrupt from None
            cause = cause.__context__
        raise


def _unforeseen(error: Exception) -> Problem:
    """A disk, a right or a database that fails is no error of the program."""
    if isinstance(error, OSError):
        return problem("FL-STO-001", detail=error.strerror or type(error).__name__)
    if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        return problem("FL-STO-001", detail="データベース")
    return problem("FL-INT-001", detail=type(error).__name__)


def _silence() -> None:
    """Nobody reads stdout any more: nothing is written to it, also not when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
        return _tell(error.exit_code, "", [problem(error.code)])
    if isinstance(error, (ProblemError, ConfigurationError)):
        return _tell(error.exit_code, "", error.problems)
    if isinstance(error, NotKeptError):
        return _tell(1, "", [problem("FL-STO-001", detail="データベース")])
    if isinstance(error, OutcomeUnknownError):
        return _tell(1, "", [problem("FL-GTW-003")])
    return _tell(error.exit_code, str(error), [])


def _tell(code: int, words: str, problems: list[Problem]) -> int:
    """One line a problem for people, one object for programs."""
    told = [one.as_json() for one in problems]
    if "--json" in sys.argv:
        body: dict[str, Any] = {"ok": False, "exit": code, "message": words or told[0]["message"], "problems": told}
        try:
            sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        except OSError:  # stdout itself is what fails: stderr still tells
            _silence()
    sys.stderr.write("\n".join(([words] if words else []) + [_line(one) for one in told]) + "\n")
    return code


def _line(told: dict[str, Any]) -> str:
    item = told["ja"] or told["field"]
    words = (told["code"], told["place"], f"「{item}」" if item else "", told["message"], "→", told["next"])
    return " ".join(word for word in words if word)
