"""What the pages tell to type is what there is, and what they name and link to is there."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from solvent.cli import main
from solvent.config.environment import Places
from solvent.config.estimator import Estimator
from solvent.config.project import Project
from solvent.config.source import Source
from solvent.kinds import KINDS
from solvent.tables.ledger import Ledger

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
# Where what is named is, of a checkout in which nothing was run.
FOLDERS = r"(?:bench|conf|docs|jobs|lib|notebooks|tests|tools|\.github)"
PROGRAMS = (
    *("solvent", "make", "python", "export", "open", "pip", "git"),
    *("createdb", "databricks", "mlflow", "spark-submit", "venv-pack"),
)


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text)


def typed(text: str) -> list[list[str]]:
    """The words of each command in the indented blocks of a page, without comments, line continuations and variables set before."""
    lines = re.findall(r"^    (\S.*)$", prose(text).replace("\\\n", " "), re.MULTILINE)
    commands = [shlex.split(line, comments=True) for line in lines]
    commands += [
        shlex.split(line) for _, block in FENCE.findall(text) for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE)
    ]
    bare = [[word for n, word in enumerate(words) if not set_before(words[: n + 1])] for words in commands]
    return [words for words in bare if words]


def set_before(words: list[str]) -> bool:
    """Whether the last of these words, and all before it, are variables that are set."""
    return all(re.match(r"[A-Z_]+=", word) for word in words)


def in_code(text: str) -> list[str]:
    """What is in backticks in a page's own text."""
    return re.findall(r"`([^`\n]+)`", prose(text))


COMMANDS = sorted({tuple(words) for page in PAGES for words in typed(text_of(page))})
SPANS = sorted({span for page in PAGES for span in in_code(text_of(page))})


def of(program: str) -> list[tuple[str, ...]]:
    return [words[1:] for words in COMMANDS if words[0] == program]


def command_of(name: str) -> click.Command:
    command = main.get_command(click.Context(main, obj=ROOT), name)
    assert command is not None, name
    return command


@pytest.mark.parametrize("words", of("solvent"), ids=" ".join)
def test_a_command_of_solvent_takes_its_options(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLVENT_PROJECT", "flights")
    name, *rest = [word for word in words if word != "--verbose"]
    assert command_of(name).make_context(name, rest, parent=click.Context(main, obj=ROOT))


@pytest.mark.parametrize("span", [span for span in SPANS if re.match(r"solvent [a-z]", span)])
def test_a_command_that_is_spoken_of_is_there(span: str) -> None:
    _, name, *rest = span.split()
    known = {option for one in command_of(name).params for option in (*one.opts, *one.secondary_opts)}
    assert {word for word in rest if word.startswith("-")} <= known


def test_make_targets_are_there() -> None:
    targets = re.findall(r"^([a-z0-9-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    asked = of("make") + [tuple(span.split()[1:]) for span in SPANS if span.startswith("make ")]
    assert len(asked) > 10
    assert {word for words in asked for word in words if "=" not in word} <= set(targets)


def test_every_indented_line_is_a_command() -> None:
    assert {words[0].rpartition("/")[2] for words in COMMANDS if not words[0].startswith("$")} <= {
        *PROGRAMS,
        "cd",
        "head",
        "ls",
    }


@pytest.mark.parametrize(
    "words", [words for words in COMMANDS if any(word.startswith("jobs/") for word in words)], ids=" ".join
)
def test_a_script_takes_its_options(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLVENT_PROJECT", "flights")
    at = next(n for n, word in enumerate(words) if re.search(r"(^|/)jobs/\w+\.py$", word))
    path = ROOT / "jobs" / Path(words[at]).name
    name, options = path.stem.replace("_", "-"), list(words[at + 1 :])
    if main.get_command(click.Context(main, obj=ROOT), name) is None:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.main.make_context(name, options)
    else:
        test_a_command_of_solvent_takes_its_options((name, *options), monkeypatch)


def test_files_that_are_named_are_there() -> None:
    named = {name for span in SPANS for name in re.findall(rf"^{FOLDERS}/[\w./-]+$", span)}
    named |= {word for words in COMMANDS for word in words if re.fullmatch(rf"{FOLDERS}/\w+\.py", word)}
    # What `solvent new` writes.
    made = {name for name in named if re.search(r"/(store|NAME)(/|$)", name)}
    assert len(named) > 30
    assert {name for name in named - made if not (ROOT / name).exists()} == set()


def test_a_command_that_is_not_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ((program, *words), *_) = typed("    A=1 solvent reproduce \\\n        --modle 3   # a comment\n")
    assert program == "solvent"
    with pytest.raises(click.NoSuchOption, match="--modle"):
        test_a_command_of_solvent_takes_its_options(tuple(words), monkeypatch)


# Links


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, text: str) -> list[str]:
    """The links of a page, to files of the repository and to headings, that lead nowhere."""
    found = []
    for link in LINK.findall(prose(text)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        there = target.exists() and (not anchor or anchor in anchors(text if target == page else text_of(target)))
        if not re.match(r"https?:", link) and not there:
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page, text_of(page)) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "# A b, c.d\n[x](#a-b-cd) [x](#a-b) [x](docs/nowhere.md) [x](docs/glossary.md#data) [x](docs/glossary.md#date)\n"
    assert broken(ROOT / "README.md", text) == ["#a-b", "docs/nowhere.md", "docs/glossary.md#date"]


def test_readme_is_short_and_leads_to_every_page() -> None:
    readme = text_of(ROOT / "README.md")
    assert len(readme.splitlines()) <= 150
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(readme)}
    assert set(PAGES[1:]) - linked == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_first_what_it_is_for(page: Path) -> None:
    assert re.match(r"# [^\n]+\n\n[A-Z][^\n|#`]{20,}", text_of(page))


def recipes() -> dict[str, list[str]]:
    """The steps below each heading of CONTRIBUTING that tells how to add something."""
    sections = re.split(r"^## (Add .+)$", text_of(ROOT / "CONTRIBUTING.md"), flags=re.MULTILINE)
    bodies = (body.partition("\n## ")[0] for body in sections[2::2])
    return {
        title: re.findall(r"^\d\. (.*(?:\n {3}.*)*)", body, re.MULTILINE)
        for title, body in zip(sections[1::2], bodies, strict=True)
    }


@pytest.mark.parametrize("title", recipes())
def test_what_is_added_takes_three_steps_at_most_and_names_its_files(title: str) -> None:
    steps = recipes()[title]
    files = {name for step in steps for name in re.findall(r"`((?:lib|conf|tests|jobs)/[\w<>./-]+)`", step)}
    assert 1 <= len(steps) <= 3
    assert any(name.startswith(("lib/", "conf/")) for name in files)
    there = [ROOT / name for name in files if "<" not in name]
    assert [path for path in there if not path.exists()] == []
    # What is to be edited is where the step says it is.
    named = {name for step in steps for name in re.findall(r"`([A-Z]\w+|[a-z]+(?:_[a-z]+)+)`", step)} - {"README"}
    texts = "\n".join(text_of(path) for path in there if path.is_file())
    assert {name for name in named if not re.search(rf"\b{name}\b", texts)} == set()


def test_pages_that_messages_and_files_name_are_there() -> None:
    files = [*ROOT.glob("lib/**/*.py"), *ROOT.glob("lib/**/*.j2"), *ROOT.glob("tests/**/*.py"), ROOT / "databricks.yml"]
    named = {name for file in files for name in re.findall(r"\bdocs/\w[\w-]*\.md", text_of(file))} - {"docs/nowhere.md"}
    assert "docs/databricks.md" in named
    assert {name for name in named if not (ROOT / name).is_file()} == set()


# Content


def test_examples_are_what_they_say_they_are() -> None:
    """Code compiles, and model.yml takes the YAML; no block is of a language that nobody reads."""
    blocks = [block for page in PAGES for block in FENCE.findall(text_of(page))]
    for language, text in blocks:
        assert language in ("python", "yaml", "mermaid", "text", "console", "diff"), text
        if language == "python":
            ast.parse(text)
        if language == "yaml":
            for key, value in yaml.safe_load(text).items():
                field = {**Estimator.model_fields, **Project.model_fields}[key]
                assert TypeAdapter(field.annotation).validate_python(value)


def cells(text: str, heading: str = "") -> list[list[str]]:
    """The cells of the rows of all tables below a heading (default: of a page)."""
    below = text if not heading else text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|(.*)\|$(?!\n\|-)", below, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows if not row.startswith("-")]


@cache
def code() -> str:
    return "\n".join(text_of(file) for file in sorted(ROOT.glob("lib/solvent/**/*.py")))


@pytest.mark.parametrize(
    ("page", "heading", "model"),
    [
        ("projects", "## model.yml", Project),
        ("sources", "## Declare a source", Source),
        ("environments", "## Keys", Places),
    ],
)
def test_all_keys_are_listed(page: str, heading: str, model: type[BaseModel]) -> None:
    rows = cells(text_of(ROOT / "docs" / f"{page}.md"), heading)
    listed = {name.partition(".")[0] for row in rows for name in re.findall(r"`(\w[\w.<>]*)`", row[0])}
    assert listed == {field.alias or name for name, field in model.model_fields.items()}


def test_the_metrics_are_listed() -> None:
    listed = [tuple(row[1:]) for row in cells(text_of(ROOT / "docs" / "training.md"), "## Metrics")]
    known = [metric for kind in KINDS.values() for metric in kind.metrics]
    assert listed == [(f"`{one.name}`", one.title, one.better or "describes the rows") for one in known]


def test_the_flow_is_of_jobs_that_are_there() -> None:
    ((_, flow), *_) = FENCE.findall(text_of(ROOT / "README.md"))
    boxes = set(re.findall(r"^ *([a-z-]+)|(?<=> )([a-z-]+)(?![\w(-])", flow, re.MULTILINE))
    jobs = {a or b for a, b in boxes} - {
        "flowchart",
        "subgraph",
        "direction",
        "end",
        "making",
        "life",
        "files",
        "commit",
    }
    assert len(jobs) > 8
    assert jobs <= set(main.list_commands(click.Context(main, obj=ROOT)))


def test_the_notebooks_are_listed() -> None:
    listed = {row[0].strip("`") for row in cells(text_of(ROOT / "docs" / "notebooks.md"))}
    assert listed == {path.stem for path in ROOT.glob("notebooks/*.ipynb")}


def is_table(name: str) -> bool:
    """Whether the code has a table of that name, or tables whose names begin so."""
    return f'"{name}"' in code() or (name.endswith("_<digest>") and f'f"{name[:-8]}{{' in code())


def test_the_tables_that_jobs_write_are_told_of_and_are_there() -> None:
    told = {
        name for row in cells(text_of(ROOT / "docs" / "tables.md")) for name in re.findall(r"^`([a-z_<>]+)`$", row[0])
    }
    no_tables = {"challenger", "champion", "train", "evaluate", "release", "score"}
    written = {
        name for row in cells(text_of(ROOT / "README.md"), "## Jobs") for name in re.findall(r"`([a-z_<>]+)`", row[2])
    }
    assert len(written) > 20
    assert written - told == no_tables
    assert {name for name in told if not is_table(name)} == set()


def columns_by_table() -> dict[str, tuple[str, ...]]:
    """The columns of the ledgers that modules of the suite hold."""
    files = [file for file in ROOT.glob("lib/solvent/**/*.py") if " = Ledger(" in text_of(file)]
    modules = [".".join(file.relative_to(ROOT / "lib").with_suffix("").parts) for file in files]
    found = [one for name in modules for one in vars(importlib.import_module(name)).values() if isinstance(one, Ledger)]
    return {one.table: one.names for one in found}


def test_every_ledger_is_told_of_and_the_columns_named_are_there() -> None:
    columns = columns_by_table()
    told = {row[0].strip("`"): re.findall(r"`(\w+)`", row[2]) for row in cells(text_of(ROOT / "docs" / "tables.md"))}
    assert set(columns) - set(told) == set()
    known = {table: {*names, *columns} for table, names in columns.items()}
    assert {table: bad for table, names in known.items() if (bad := set(told[table]) - names)} == {}


def test_each_word_of_the_glossary_is_named_once_is_used_and_is_in_the_code_where_it_says_so() -> None:
    glossary = ROOT / "docs" / "glossary.md"
    rows = cells(text_of(glossary))
    words = [row[0] for row in rows]
    assert len(words) > 40
    assert len(set(words)) == len(words)
    others = " ".join(text_of(page) for page in PAGES if page != glossary).lower()
    assert [word for word in words if word not in others] == []
    modules = [name for row in rows for name in re.findall(r"`(solvent[.\w]*)`", row[2])]
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    assert [name for row in rows for name in re.findall(r"table `(\w+)`", row[2]) if not is_table(name)] == []


def test_messages_that_troubleshooting_quotes_are_said() -> None:
    said = code() + text_of(ROOT / "Makefile")
    quoted = [
        part
        for row in cells(text_of(ROOT / "docs" / "troubleshooting.md"))
        for part in re.findall(r"`([^`]+)`", row[0])
    ]
    assert len(quoted) > 8
    assert [part for part in quoted if not part.startswith("solvent ") and part not in said] == []


def test_whatever_was_not_tried_is_among_the_limits() -> None:
    limits = ROOT / "docs" / "limits.md"
    linked = {link.partition("#")[0] for link in LINK.findall(text_of(limits))}
    untried = {page.name for page in PAGES if page != limits and re.search("not tried", text_of(page), re.IGNORECASE)}
    assert len(untried) > 5
    assert untried - linked == set()
