"""Whatever goes wrong ends in one line, which says what was being done, and why; no way ends in a stack trace."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from pyspark.sql.types import StringType, StructField, StructType

from solvent.cli import main
from solvent.errors import RefusedError
from solvent.failure import ended_plainly, noting
from solvent.jobs.context import Context
from solvent.settings import load_settings
from solvent.tables.folder import make_in

ROOT = Path(__file__).resolve().parents[1]
FEATURES = "lib/kiosk/features.py"
MODEL, LOCAL = "conf/kiosk/model.yml", "conf/environments/local.yml"


def said(result: Result, code: int = 1) -> str:
    """The one line that a command ended with."""
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in result.output
    return lines[0]


def ending(action: Callable[[], object], *words: str) -> Result:
    """How a command ends that does something."""

    @click.command()
    @click.option("--verbose", is_flag=True)
    def command(verbose: bool) -> None:
        with ended_plainly(lambda: "testing", verbose), noting("step"), noting("reading the table orders"):
            action()

    return CliRunner().invoke(command, words)


def raising(error: BaseException) -> Callable[[], object]:
    """An action that fails."""

    def action() -> None:
        raise error

    return action


JAVA = """An error occurred while calling o93.collect.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times, most recent failure: Lost task 0.0
Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.failJob(DAGScheduler.scala:2935)
Caused by: org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:/tmp/x. SQLSTATE: 58030
\t... 3 more
Caused by: {root}
== SQL (line 1, position 1) ==
amount / cents
^^^^^^^^^^^^^^
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.divideByZeroError(QueryExecutionErrors.scala:251)
"""
DIVIDED = (
    "org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 "
    'and return NULL instead. If necessary set "spark.sql.ansi.enabled" to "false" to bypass this error. SQLSTATE: 22012'
)


class ReportedError(Exception):
    """An error of a library, with many lines."""


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ValueError("no such thing\nin two lines"), "ValueError: no such thing"),
        (KeyError("amount"), "KeyError: 'amount'"),
        (AssertionError(), "AssertionError"),
        (MemoryError(), "MemoryError"),
        (RecursionError("maximum recursion depth exceeded"), "RecursionError: maximum recursion depth exceeded"),
        (NotImplementedError(), "NotImplementedError"),
        (PermissionError(errno.EACCES, "Permission denied", "/var/x"), "/var/x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device", "/var/x"), "/var/x: No space left on device"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "/a", None, "/b"), "/a: /b: Invalid cross-device link"),
        (OSError("nothing known of it"), "OSError: nothing known of it"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "UnicodeDecodeError: 'utf-8' codec can't"),
        (SyntaxError("invalid syntax", ("features.py", 3, 1, "def", 3, 2)), "features.py:3: invalid syntax"),
        (ModuleNotFoundError("No module named 'boto3'"), "ModuleNotFoundError: No module named 'boto3'"),
        (ExceptionGroup("two", [ValueError("a"), ValueError("b")]), "ExceptionGroup: two (2 sub-exceptions)"),
        (ReportedError(""), "ReportedError"),
        (ReportedError("\n\n  first\nsecond\n"), "first"),
        (ReportedError(JAVA.format(root=DIVIDED)), "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor "),
        (ReportedError(JAVA.format(root="java.lang.OutOfMemoryError: Java heap space")), "[TASK_WRITE_FAILED] Task failed while"),
        (ReportedError("failed\n: java.io.IOException: no disk\n\tat x\nCaused by: a.b.C$D: full\n\tat y"), "C$D: full"),
        (ReportedError("x" * 10_000), "x" * 400 + ";"),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, Exception) else "",
)  # fmt: skip
def test_what_nobody_foresaw_is_said_in_a_line(error: Exception, why: str) -> None:
    line = said(ending(raising(error)))
    assert line.startswith(f"error: step, reading the table orders: {why}")
    assert line.endswith("; --verbose shows the trace")
    assert len(line) < 500


@pytest.mark.parametrize("place", ["", "orders", "orders/_delta_log"])
def test_a_folder_that_may_not_be_used_is_named_with_the_systems_words(place: str, tmp_path: Path) -> None:
    """Root may, but for what it gives up."""
    folder = tmp_path / "tables"
    make_in(folder / "orders", StructType([StructField("id", StringType())]), {})
    code = (
        "from pathlib import Path; from solvent.failure import cause; from solvent.tables.folder import log_in\n"
        f"try: log_in(Path({str(folder / 'orders')!r}))\nexcept OSError as error: print(cause(error))"
    )
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    (folder / place).chmod(0)
    done = subprocess.run([*drop, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    (folder / place).chmod(0o755)
    assert str(folder / "orders") in done.stdout, done.stderr
    assert done.stdout.endswith(": Permission denied\n")


def test_spark_names_the_expression_and_recommends_no_setting_that_changes_results() -> None:
    line = said(ending(raising(ReportedError(JAVA.format(root=DIVIDED)))))
    assert "(in amount / cents)" in line
    assert "ansi" not in line
    assert "SQLSTATE" not in line


def test_a_trace_is_shown_to_whoever_asks_for_it() -> None:
    result = ending(raising(ValueError("no such thing")), "--verbose")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: step, reading the table orders: ValueError")


def test_what_a_user_can_cause_is_said_as_it_is_and_has_its_exit_code() -> None:
    assert said(ending(raising(RefusedError("no"))), 3) == "error: no"


def test_an_interrupt_is_no_error() -> None:
    assert said(ending(raising(KeyboardInterrupt())), 130) == "stopped"


def test_what_fails_while_an_interrupt_is_tidied_up_after_is_no_error() -> None:
    def step() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            try:
                raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            except OSError as error:
                raise RefusedError("cannot tidy up") from error

    assert said(ending(step), 130) == "stopped"


def test_a_request_to_terminate_that_ends_in_another_error_is_none() -> None:
    def refused(_: int, __: object) -> None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    before = signal.signal(signal.SIGINT, refused)
    try:
        assert said(ending(lambda: signal.raise_signal(signal.SIGTERM) or time.sleep(1)), 143) == "stopped"
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_request_to_terminate_is_no_error() -> None:
    assert said(ending(lambda: signal.raise_signal(signal.SIGTERM) or time.sleep(1)), 143) == "stopped"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


# Ways that a command can fail


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a project of `solvent new`."""
    folder = tmp_path_factory.mktemp("example") / "repository"
    (folder / "conf").mkdir(parents=True)
    result = CliRunner().invoke(main, ["--root", str(folder), "new", "kiosk"])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, whose package is imported from there."""
    folder = shutil.copytree(example, tmp_path / "repository")
    monkeypatch.chdir(folder)
    yield folder
    sys.path[:] = [path for path in sys.path if not path.startswith(str(folder))]
    for name in [name for name in sys.modules if name.split(".")[0] == "kiosk"]:
        del sys.modules[name]


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    """Edits a file."""

    def edit(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new, 1))

    return edit


def write(path: str, text: str | bytes) -> Callable[[Path], None]:
    """Writes a file."""

    def edit(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())

    return edit


def both(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    """Several edits."""

    def edit(folder: Path) -> None:
        for one in edits:
            one(folder)

    return edit


def remove(path: str) -> Callable[[Path], None]:
    """Takes a file away, or puts a folder in its place."""

    def edit(folder: Path) -> None:
        (folder / path).unlink()
        (folder / path).mkdir()

    return edit


def nothing(_: Path) -> None:
    """Leaves all as it is."""


CHECK, HISTORY, PLAN = ("check",), ("history",), ("plan",)
PROMOTE = ("promote", "--model", "1", "--reason", "best")
RAISES = 'raise OSError(28, "No space left on device", "/models")\n'
GROUP = """
from solvent.features import Feature, feature_group

@feature_group(features=[{features}]{more})
def order(rows, sources):
    return rows
"""
FEATURE = 'Feature("a", "double", "A")'


def group(features: str = FEATURE, more: str = "") -> Callable[[Path], None]:
    """Declares the only feature group."""
    features_yml = "features:\n  - kiosk.features.order\n  - kiosk.features.region\n  - kiosk.features.returns"
    return both(
        write(FEATURES, GROUP.format(features=features, more=more)),
        replace(MODEL, features_yml, "features: [kiosk.features.order]"),
        replace(MODEL, "slices: [customer_region]", "slices: []"),
    )


# Name -> what is wrong, the command, its exit code, and what its line says.
WAYS: dict[str, tuple[Callable[[Path], None], tuple[str, ...], int, str]] = {
    # model.yml
    "model.yml is a folder": (remove(MODEL), CHECK, 2, "no such file"),
    "model.yml is empty": (write(MODEL, ""), CHECK, 2, "found NoneType"),
    "model.yml is a list": (write(MODEL, "- a"), CHECK, 2, "found list"),
    "model.yml is binary": (write(MODEL, b"\xff\xfe\x00"), CHECK, 2, "is not UTF-8 text"),
    "model.yml holds a control character": (write(MODEL, "a: \x07"), CHECK, 2, "is not YAML"),
    "model.yml holds an object": (write(MODEL, "a: !!python/object:os.system {}"), CHECK, 2, "could not determine"),
    "model.yml refers to nothing": (write(MODEL, "a: *b"), CHECK, 2, "undefined alias"),
    "model.yml has a list for a key": (write(MODEL, "[a]: b"), CHECK, 2, "a key is not a word"),
    "model.yml is nested too deeply": (write(MODEL, "a: " + "[" * 500), CHECK, 2, "nested too deeply"),
    "a list that holds itself": (replace(MODEL, "features:\n", "features: &a\n  - *a\n"), CHECK, 2, "features"),
    "a source whose name is a number": (replace(MODEL, "  customers:\n", "  7:\n"), CHECK, 2, "sources"),
    "a duration beyond all calendars": (replace(MODEL, "56 days", "99999999999 days"), CHECK, 2, "windows.train"),
    "a seed that Java cannot hold": (replace(MODEL, "seed: 1", f"seed: {2**70}"), CHECK, 2, "model.seed"),
    "an expression nested too deeply": (
        replace(MODEL, "event_time: placed", f"event_time: {'(' * 5000}placed{')' * 5000}"), CHECK, 2, "event_time"
    ),
    "a declaration with a constraint": (replace(MODEL, "returned INT", "CHECK (id > 1)"), CHECK, 2, "schema"),
    "a declaration with a key": (replace(MODEL, "returned INT", "PRIMARY KEY (id)"), CHECK, 2, "schema"),
    "a type with digits that Spark has not": (replace(MODEL, "returned INT", "returned INT(11)"), CHECK, 2, "schema"),
    "a decimal of too many digits": (replace(MODEL, "amount DOUBLE", "amount DECIMAL(50, 2)"), CHECK, 2, "amount"),
    "a decimal with more digits behind the point": (
        replace(MODEL, "amount DOUBLE", "amount DECIMAL(2, 5)"), CHECK, 2, "amount"
    ),
    # The environment
    "an environment that is not there": (nothing, ("check", "--environment", "nowhere"), 2, "no such file"),
    "an environment out of its folder": (nothing, ("check", "--environment", "../local"), 2, "give the name of a file"),
    "an environment that is a folder": (remove(LOCAL), CHECK, 2, LOCAL),
    "an environment file in no folder": (nothing, ("check", "--environment", "/nowhere/x.yml"), 2, "no such file"),
    "an environment file below a file": (nothing, ("check", "--environment", f"{MODEL}/x.yml"), 2, "x.yml"),
    "an environment that is no YAML": (write(LOCAL, "{"), CHECK, 2, LOCAL),
    # Feature functions
    "a module that is not there": (replace(MODEL, "kiosk.features.order", "kiosk.feature.order"), CHECK, 2, "no module"),
    "a package that is not there": (replace(MODEL, "kiosk.features.order", "kiosk.a.b.order"), CHECK, 2, "no module"),
    "a module that imports nothing": (write(FEATURES, "import nowhere"), CHECK, 2, "nowhere, which is not there"),
    "a module that imports nothing of another": (
        write(FEATURES, "from math import nowhere"), CHECK, 2, "cannot import name 'nowhere'"
    ),
    "a module of wrong syntax": (write(FEATURES, "x = 1\ndef"), CHECK, 2, "features.py:2: invalid syntax"),
    "a module of wrong indentation": (write(FEATURES, "if x:\ny"), CHECK, 2, "features.py:2: expected an indented"),
    "a module that is not UTF-8": (write(FEATURES, b"x = '\xff'"), CHECK, 2, "features.py"),
    "a module that holds a null byte": (write(FEATURES, b"x = 1\x00"), CHECK, 2, "null bytes"),
    "a module that fails": (write(FEATURES, RAISES), CHECK, 2, "/models: No space left on device"),
    "a module that fails further in": (
        write(FEATURES, "def f():\n    return {}['a']\n\nf()\n"), CHECK, 2, "KeyError: 'a' ({folder}/lib/kiosk/features.py:2, f)"
    ),
    "a module that ends the process": (write(FEATURES, "import sys\nsys.exit(0)\n"), CHECK, 2, "SystemExit: 0"),
    "a module without end": (write(FEATURES, "def f():\n    f()\n\nf()\n"), CHECK, 2, "RecursionError"),
    "a module that imports itself": (
        write(FEATURES, "from kiosk.features import order\n"), CHECK, 2, "cannot import name 'order'"
    ),
    "a function that is none": (write(FEATURES, "order = 3\n"), CHECK, 2, "a int of that name"),
    "a function that is not decorated": (write(FEATURES, "def order(): 0\n"), CHECK, 2, "a function of that name"),
    "a decorator without brackets": (
        write(FEATURES, "from solvent.features import feature_group\n@feature_group\ndef order(): 0\n"), CHECK, 2, "TypeError"
    ),
    "a feature without description": (group('Feature("a", "double")'), CHECK, 2, "TypeError"),
    "a feature of an unknown type": (group('Feature("a", "float", "A")'), CHECK, 2, "type float is not one of"),
    "a feature that is a word": (group('"a"'), CHECK, 2, "features is not a list of Feature"),
    "columns that are a word": (group(more=', sources={"orders": "amount"}'), CHECK, 2, "does not give a list"),
    "a source that is a list": (group(more=', sources=["orders"]'), CHECK, 2, "AttributeError"),
    "a look-back that is a number": (group(more=", look_back=28"), CHECK, 2, "look_back is not a timedelta"),
    # Options
    "a folder without projects": (nothing, ("--root", "lib", *CHECK), 2, "no conf/ here or above"),
    "a folder without a project of that name": (nothing, ("--root", "lib", *CHECK, "--project", "kiosk"), 2, "no conf/"),
    "a folder of projects that has none": (
        write("empty/conf/x", ""), ("--root", "empty", *CHECK), 2, "no model.yml"
    ),
    "a project with a path": (nothing, ("check", "--project", "../kiosk"), 2, "../kiosk"),
    # Tables, models and git
    "a log that is no JSON": (write("var/tables/kiosk/decisions/_delta_log/00000000000000000000.json", "{"), HISTORY, 1, "decisions"),
    "a database that is none": (write("var/mlflow.db", "no database" * 99), PROMOTE, 1, "mlflow.db"),
    "a database that is a folder": (write("var/mlflow.db/x", ""), PROMOTE, 1, "mlflow.db"),
    "a database below a file": (replace(LOCAL, "var/mlflow.db", f"{MODEL}/x.db"), PROMOTE, 1, "model.yml"),
    "a registry of an unknown kind": (replace(LOCAL, "sqlite:///var", "nosuch:///var"), PROMOTE, 1, "nosuch"),
    "a database whose driver is not there": (
        replace(LOCAL, "sqlite:///var", "mysql+nosuch://localhost/var"), PROMOTE, 1, "nosuch"
    ),
    "a repository without a commit": (lambda folder: git(folder, "init"), PLAN, 1, ""),
    "a repository whose head is broken": (
        both(lambda folder: git(folder, "init"), write(".git/HEAD", "nonsense")), PLAN, 1, ""
    ),
    "a repository that points nowhere": (write(".git", "gitdir: /nowhere"), PLAN, 1, ""),
    "a hook in no repository": (nothing, ("install-hook", "--repo", "/nowhere"), 2, "/nowhere"),
    "a deployment without a repository": (nothing, ("deploy",), 2, "git"),
}  # fmt: skip


def git(folder: Path, *words: str) -> None:
    """Runs git."""
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_fail_without_spark_is_one_line(way: str, folder: Path) -> None:
    edit, words, code, why = WAYS[way]
    edit(folder)
    line = said(CliRunner().invoke(main, list(words)), code)
    assert why.format(folder=folder) in line
    # It names a file, a key, a table or an option.
    assert re.search(r"/|--", line), line


@pytest.mark.parametrize("words", [["--help"], ["history"]])
def test_what_cannot_be_printed_is_said(words: list[str], example: Path) -> None:
    with open("/dev/full", "w") as full:
        program = [sys.executable, "-m", "solvent.cli", "--root", str(example), *words]
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "what is printed: No space left on device" in line


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_command_that_is_stopped_while_it_begins_says_so_in_a_word(name: str, code: int, example: Path) -> None:
    """It is importing what it needs when it is."""
    program = (
        "import sys, time; from solvent.cli import main\n"
        "class Slow:\n"
        "    def find_spec(self, *_): print('begins', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow()); main()\n"
    )
    words = [sys.executable, "-c", program, "--root", str(example), "history"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        command.stdout.readline()
        command.send_signal(getattr(signal, name))
        out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err) == (code, "", "stopped\n")


@pytest.mark.parametrize(
    ("name", "code", "send"),
    [
        ("SIGTERM", 143, os.killpg),
        pytest.param("SIGTERM", 143, os.kill, marks=pytest.mark.long),
        pytest.param("SIGINT", 130, os.killpg, marks=pytest.mark.long),
        pytest.param("SIGINT", 130, os.kill, marks=pytest.mark.long),
    ],
)
def test_what_is_stopped_in_the_middle_of_a_stage_of_spark_prints_one_word(
    name: str, code: int, send: Callable[[int, int], None]
) -> None:
    """A terminal and schedulers stop the whole group, of which Java is."""
    program = (
        "import sys; from pathlib import Path; from solvent.config.environment import load_environment\n"
        "from solvent.failure import ended_plainly; from solvent.jobs.options import listen; from solvent.session import session, at_once\n"
        "listen()\n"
        f"with ended_plainly(lambda: 'testing'):\n"
        f"    spark = session(load_environment('local', Path({str(ROOT)!r})))\n"
        "    endless = spark.range(10**15).selectExpr('sum(id % 7)')\n"
        "    at_once(lambda one: (sys.stdout.write('begins\\n'), sys.stdout.flush(), endless.collect()), [1, 2])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        begun = [command.stdout.readline() for _ in range(2)]
        time.sleep(2)
        send(command.pid, getattr(signal, name))
        out, err = command.communicate(timeout=120)
    assert begun == ["begins\n"] * 2
    assert (command.returncode, out, err.splitlines()[-1]) == (code, "", "stopped")
    assert "Traceback" not in err


def test_from_a_folder_of_somebody_elses_no_project_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOLVENT_ROOT", raising=False)
    for words in (["check"], ["history", "--project", "flights"], ["check", "--project", "flights"]):
        assert said(CliRunner().invoke(main, words), 2).startswith(f"error: {tmp_path}: no conf/ here or above")


def test_a_job_of_a_checkout_runs_its_projects_from_anywhere(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "SOLVENT_ROOT"}
    program = "import sys; sys.argv[0] = {!r}; from solvent.config.environment import find_root; print(find_root())"
    done = subprocess.run(
        [sys.executable, "-c", program.format(str(ROOT / "jobs/train.py"))],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(ROOT), done.stderr


def test_a_project_may_have_no_package_of_its_own(folder: Path) -> None:
    write("conf/other/model.yml", (folder / MODEL).read_text().replace("project: kiosk", "project: other"))(folder)
    assert CliRunner().invoke(main, ["check", "--project", "other"]).exit_code == 0
    run = Context(load_settings("other", "local", folder), date(2024, 7, 1), print)
    assert len(run.code.digest) == 64
    assert run.code.digest == Context(load_settings("other", "local", folder), date(2024, 7, 1), print).code.digest


# Ways with Spark: what is wrong in code, in data and in tables of a project that has a champion

FEATURE_CODE = """
from pyspark.sql import functions as F
from solvent.features import Feature, feature_group

@feature_group(features=[Feature("a", "double", "A")], sources={{"customers": ["customer", "region"]}})
def order(rows, sources):
    {body}
"""
BODIES: dict[str, tuple[str, str]] = {
    "a function that gives nothing": ("pass", "returns a NoneType"),
    "a function that gives a number": ("return 3", "returns a int"),
    "a function that gives too little": ("return rows", "column a is expected to be double, but is absent"),
    "a function that gives another type": ("return rows.withColumn('a', F.lit('x'))", "is expected to be double, but is string"),
    "a function that fails": ("return rows.withColumn('a', F.lit(1 / 0))", "ZeroDivisionError: division by zero"),
    "a function that knows no such name": ("return rows.withColumn('a', G.lit(1.0))", "NameError: name 'G' is not defined"),
    "a function that reads no such column": ("return rows.withColumn('a', F.col('b'))", "[UNRESOLVED_COLUMN"),
    "a function that calls what is not there": ("return rows.with_columns(a=1)", "with_columns"),
    "a function that reads no such source": ("return rows.join(sources['x'], 'id')", "reads 'x', which it does not declare"),
    "a function that asserts": ("assert rows is None", "AssertionError"),
    "a function that ends the process": ("raise SystemExit(0)", "SystemExit: 0"),
    "a function that divides by zero on the way": (
        "return rows.withColumn('a', F.col('amount') / (F.col('id') - F.col('id')))", "[DIVIDE_BY_ZERO] Division by zero"
    ),
    "a function that casts what is none": (
        "return rows.withColumn('a', F.col('customer').cast('double'))", "[CAST_INVALID_INPUT] The value 'c"
    ),
    "a function that makes rows": (
        "return rows.crossJoin(sources['customers'].select('region')).drop('region').withColumn('a', F.lit(1.0))", "drops or repeats rows"
    ),
}  # fmt: skip
VALUES: dict[str, tuple[str, str, str]] = {
    "a label that is a word": ("value: returned = 1", 'value: "concat(customer, returned)"', "[CAST_INVALID_INPUT]"),
    "a label that divides by zero": (
        "value: returned = 1",
        "value: amount / (returned - returned)",
        "[DIVIDE_BY_ZERO]",
    ),
    "a label without a function": ("value: returned = 1", 'value: "element_at(returned, 1)"', "label.value"),
    "a time that is a word": ("\n  time: placed", "\n  time: customer", "prediction.time: customer is string"),
    "an event time that is a word": ("event_time: placed", "event_time: customer", "event_time: customer is string"),
    "a condition that is none": ("amount_is_positive: amount > 0", "amount_is_positive: amount", "and not a condition"),
}


@pytest.fixture(scope="module")
def living(newly_released: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project with a champion, of this file's own."""
    return newly_released.copied(tmp_path_factory.mktemp("living") / "shop")


@pytest.fixture
def original(living: Any) -> Iterator[str]:
    """Its model.yml, which is as it was afterwards."""
    path = living.root / "conf/shop/model.yml"
    text = path.read_text()
    yield text
    path.write_text(text)


def built(living: Any) -> Result:
    """How building its features ends."""
    words = ["--root", str(living.root), "build-features", "--project", "shop", "--as-of", "2024-03-01"]
    return CliRunner().invoke(main, words)


@pytest.mark.long
@pytest.mark.parametrize("way", BODIES)
def test_every_way_in_which_a_feature_function_fails_is_one_line(
    way: str, living: Any, original: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, why = BODIES[way]
    write("lib/kiosk/__init__.py", "")(tmp_path)
    write("lib/kiosk/features.py", FEATURE_CODE.format(body=body))(tmp_path)
    write("conf/kiosk/model.yml", "")(living.root)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    for name in [name for name in sys.modules if name.split(".")[0] == "kiosk"]:
        del sys.modules[name]
    text = original.replace("[shop.features.order, shop.features.returns]", "[kiosk.features.order]")
    (living.root / "conf/shop/model.yml").write_text(text.replace("slices: [region]", "slices: []"))
    line = said(built(living))
    assert why in line
    assert "kiosk.features.order" in line or "features_" in line or "feature groups" in line, line


@pytest.mark.long
@pytest.mark.parametrize("way", VALUES)
def test_every_way_in_which_an_expression_fails_is_one_line(way: str, living: Any, original: str) -> None:
    old, new, why = VALUES[way]
    assert old in original
    (living.root / "conf/shop/model.yml").write_text(original.replace(old, new))
    result = built(living)
    assert why in said(result, result.exit_code)
    assert result.exit_code in (1, 2)


def newest(folder: Path) -> Path:
    """The last file of data in a table."""
    return max(folder.rglob("*.parquet"))


@pytest.mark.long
@pytest.mark.parametrize("table", ["source_orders", "feature_builds", "ingest_batches", "decisions"])
@pytest.mark.parametrize("how", ["gone", "cut off", "log cut off"])
def test_a_damaged_table_is_named_in_one_line(table: str, how: str, living: Any, tmp_path: Path) -> None:
    shop = living.copied(tmp_path / "shop")
    folder = shop.root / "var/tables/shop" / table
    if how == "gone":
        newest(folder).unlink()
    elif how == "cut off":
        newest(folder).write_bytes(newest(folder).read_bytes()[:20])
    else:
        log = max(folder.glob("_delta_log/*.json"))
        log.write_bytes(log.read_bytes()[:20])
    command = ["history"] if table == "decisions" else ["build-features", "--force", "--as-of", "2024-03-01"]
    line = said(CliRunner().invoke(main, ["--root", str(shop.root), *command, "--project", "shop"]))
    assert table in line, line
