"""Pushes to a real bare repository with the hook installed: what is released, what is not, and what is said of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from solvent.cli import main
from solvent.deployment.ledger import DEPLOYMENTS, deployment_steps
from solvent.investigation import investigations
from solvent.jobs.ingest import ingest_files
from solvent.registry import CHALLENGER, CHAMPION
from solvent.release import decisions

AS_OF = date(2024, 3, 1)


class Server:
    """A Shop that is pushed to a bare repository of its own, whose tables are below that of the Shop."""

    def __init__(self, shop: Any, bare: Path) -> None:
        self.shop, self.bare = shop, bare
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
        shop.git("remote", "add", "origin", str(bare))

    def push(self) -> str:
        """What a push says."""
        command = ["git", "push", "origin", "HEAD:main"]
        done = subprocess.run(
            command, cwd=self.shop.root, env=self.shop.environ, capture_output=True, text=True, check=False
        )
        said = "\n".join(line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines())
        assert done.returncode == 0, said
        return said

    def change(self, old: str, new: str, path: str = "conf/shop/model.yml") -> str:
        """Commits a changed text, and pushes it."""
        file = self.shop.root / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        self.shop.commit()
        return self.push()

    @property
    def head(self) -> str:
        return self.shop.git("rev-parse", "HEAD").strip()

    def note(self, commit: str = "HEAD") -> dict[str, Any]:
        hash = self.shop.git("rev-parse", commit).strip()
        command = ["git", "notes", "--ref=solvent", "show", hash]
        text = subprocess.run(command, cwd=self.bare, capture_output=True, text=True, check=True).stdout
        return json.loads(text)["shop"]

    @property
    def champion(self) -> int:
        found = self.shop.run().registry.by_alias("shop", CHAMPION)
        return found.version

    @property
    def made(self) -> int:
        return len(self.shop.run().registry.versions("shop"))


def solvent(shop: Any, *words: str) -> Any:
    return CliRunner().invoke(main, ["--root", str(shop.root), words[0], "--project", "shop", *words[1:]])


def deployed(server: Server, tmp_path: Path, *words: str) -> tuple[Any, dict[str, Any]]:
    """What a deployment of what is checked out says and comes to, in the session of the tests."""
    told = tmp_path / "outcome.json"
    done = solvent(server.shop, "deploy-here", "--commit", server.head, "--outcome", str(told), *words)
    return done, json.loads(told.read_text())


@pytest.fixture(scope="module")
def server(newly_released: Any, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A bare repository with the hook, and a champion made from the first commit."""
    shop = newly_released.copied(tmp_path_factory.mktemp("deployed") / "shop")
    (shop.root / "README.md").write_text("A shop.\n")
    shop.configure("monitoring: {min_rows: 10}", "monitoring: {min_rows: 10}\ndeploy: {probation: {days: 14}}")
    server = Server(shop, tmp_path_factory.mktemp("git") / "shop.git")
    done = solvent(shop, "install-hook", "--repo", str(server.bare))
    assert done.exit_code == 0, done.output
    assert "nothing to do; shop version 1 is what this commit makes" in server.push()
    return server


def test_what_shapes_no_model_deploys_nothing(server: Server) -> None:
    (server.shop.root / "README.md").write_text("A good shop.\n")
    docstring = '"""The order itself, and where the customer lives."""'
    said = server.change(docstring, "# The order itself.", "lib/shop/features.py")
    assert "nothing to do; shop version 1 is what this commit makes" in said
    assert "session" not in said
    assert (server.champion, server.made) == (1, 1)
    assert server.note()["outcome"] == "nothing"
    assert solvent(server.shop, "plan").exit_code == 0


def test_a_changed_parameter_is_trained_on_the_same_features_and_released(server: Server) -> None:
    said = server.change("maxIter: 2", "maxIter: 10")
    assert "~ model.params.maxIter: 2 -> 10  (the model is trained again)" in said
    assert "features   there already" in said
    assert "shop version 2 is champion: passed 2 gates" in said
    assert server.champion == 2
    run = server.shop.run()
    champion = run.registry.find("shop", CHAMPION)
    manifest = run.registry.manifest(champion)
    assert manifest["commit"] == {"hash": server.head, "branch": None, "dirty": False}
    assert manifest["estimator"]["params"]["maxIter"] == 10
    assert manifest["features"] == run.registry.manifest(run.registry.find("shop", "1"))["features"]
    note = server.note()
    assert (note["outcome"], note["version"], note["before"]) == ("released", 2, 1)
    assert Path(note["report"]).is_file()
    steps = [(one.step, one.outcome) for one in deployment_steps(run.warehouse) if one.commit == server.head]
    assert steps == [("train", "trained"), ("evaluate", "done"), ("canary", "done"), ("release", "released")]
    canary = run.warehouse.read("canaries").where("slice = 'all'").collect()
    assert [(row.model_version, row.champion_version, row.n) for row in canary] == [(2, 1, 7 * 30)]


def test_the_same_commit_again_does_nothing(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    before = DEPLOYMENTS.count(server.shop.run().warehouse)
    words = ["--repo", str(server.bare), "--commit", server.head]
    done = solvent(server.shop, "deploy", *words)
    assert done.exit_code == 0, done.output
    # The process in the commit's checkout says it.
    assert "nothing to do; shop version 2 is what this commit makes" in capfd.readouterr().out
    assert DEPLOYMENTS.count(server.shop.run().warehouse) == before
    assert server.note()["outcome"] == "released"
    older = solvent(server.shop, "deploy", "--repo", str(server.bare), "--commit", "HEAD~1")
    assert older.exit_code == 0, older.output
    assert f"is older than {server.head[:12]}, which was deployed before; nothing is done" in older.output


def test_a_reverted_commit_is_recognised_and_released_without_training(server: Server, tmp_path: Path) -> None:
    first = server.shop.run().registry.find("shop", "1")
    for old, new, version in (("maxIter: 10", "maxIter: 2", 1), ("maxIter: 2", "maxIter: 10", 2)):
        server.shop.configure(old, new)
        done, outcome = deployed(server, tmp_path)
        assert done.exit_code == 0, done.output
        assert f"train      shop version {version} was trained from the same before" in done.output
        assert (outcome["outcome"], outcome["version"]) == ("released", version)
        assert (server.champion, server.made) == (version, 2)
    assert server.shop.run().registry.find("shop", "1") == first
    history = solvent(server.shop, "history").output.splitlines()
    assert [line.split(":")[0].split(",")[0] for line in history] == [
        "promote   version 1 champion (was None",
        "release   version 2 champion (was 1",
        "release   version 1 champion (was 2",
        "release   version 2 champion (was 1",
    ]
    difference = solvent(server.shop, "diff", "1", "2").output
    assert "~ model.params.maxIter: 2 -> 10" in difference
    assert "= features" in difference
    assert "auc " in difference


def test_a_release_that_disappoints_is_taken_back_within_its_probation(
    server: Server, make_order_lines: Callable[..., list[str]], turned: Callable[[str], str]
) -> None:
    header, days = "id,customer,placed,amount,returned", (AS_OF, date(2024, 3, 12))
    server.shop.land("orders", "turned.csv", [header, *map(turned, make_order_lines(*days))])
    ingest_files(server.shop.run())
    watched = solvent(server.shop, "observe", "--as-of", "2024-03-06")
    assert watched.exit_code == 0, watched.output
    assert "on probation; 3 days with labels: log_loss worse" in watched.output
    done = solvent(server.shop, "observe", "--as-of", "2024-03-12")
    assert done.exit_code == 3, done.output
    assert "shop version 2 was rolled back to version 1: rolled back; 9 days with labels" in done.output
    assert server.champion == 1
    (found,) = investigations(server.shop.run().warehouse)
    assert (found.model_version, found.state, found.change) == (2, "opened", AS_OF)
    assert Path(found.report).is_file()
    assert solvent(server.shop, "observe", "--as-of", "2024-03-12").output.endswith("no champion is on probation\n")
    plan = solvent(server.shop, "plan")
    assert plan.exit_code == 0
    assert "held: nothing is done; shop version 2 is what this commit makes, and was rolled back" in plan.output
    forced = solvent(server.shop, "plan", "--force", "--format", "json")
    assert forced.exit_code == 4
    document = json.loads(forced.output)
    assert (document["outcome"], document["version"], document["champion"]) == ("release", 2, 1)
    change = next(one for one in document["differences"] if one["name"] == "model.params.maxIter")
    assert (change["before"], change["after"], change["effect"]) == ("2", "10", "the model is trained again")
    assert {one["name"]: one["does"] for one in document["steps"]}["train"] == "reuse"
    markdown = solvent(server.shop, "plan", "--force", "--format", "markdown").output
    assert "| `model.params.maxIter` | 2 | 10 | the model is trained again |" in markdown
    assert "| train | reuse | trained before from the same |" in markdown
    assert "probation version 2 rolled back (against 1)" in solvent(server.shop, "history").output


def test_what_may_not_be_deployed_is_refused_before_anything_is_made(server: Server) -> None:
    def said(*words: str) -> tuple[int, str]:
        done = solvent(server.shop, "deploy", *words)
        return done.exit_code, done.output

    assert said("--commit", "nothing") == (2, f"error: {server.shop.root}/.git: has no commit 'nothing'\n")
    (server.shop.root / "untracked").write_text("")
    code, output = said()
    assert (code, "has changes that no commit holds (untracked); commit them" in output) == (3, True)
    (server.shop.root / "untracked").unlink()
    server.shop.git("checkout", "--quiet", "-b", "idea")
    server.shop.configure("maxIter: 10", "maxIter: 9")
    code, output = said()
    assert (code, "is not on the branch main, from which releases are made" in output) == (3, True)
    server.shop.git("checkout", "--quiet", "main")


def test_failing_tests_end_a_deployment_before_training(server: Server, tmp_path: Path) -> None:
    (server.shop.root / "tests").mkdir()
    (server.shop.root / "tests/test_shop.py").write_text("def test_it():\n    assert 'open' == 'closed'\n")
    server.shop.configure("deploy: {", "deploy: {tests: [tests/test_shop.py], ")
    server.shop.configure("maxIter: 10", "maxIter: 9")
    done, outcome = deployed(server, tmp_path)
    assert done.exit_code == 3, done.output
    assert "the tests of commit" in done.output
    assert "assert 'open' == 'closed'" in done.output
    assert outcome["outcome"] == "refused"
    assert (server.champion, server.made) == (1, 2)
    last = deployment_steps(server.shop.run().warehouse)[-1]
    assert (last.commit, last.step, last.outcome) == (server.head, "test", "failed")
    server.shop.configure("maxIter: 9", "maxIter: 10")
    server.shop.configure("tests: [tests/test_shop.py], ", "")


@pytest.mark.long
def test_a_changed_feature_function_that_a_gate_refuses_leaves_the_champion(server: Server) -> None:
    champion, made = server.champion, server.made
    server.shop.configure("auc, at_least: 0.55", "auc, at_least: 0.999")
    said = server.change('F.hour("placed")', '(F.hour("placed") + 1)', "lib/shop/features.py")
    assert "~ shop.features.order:" in said
    assert "(features are built again)" in said
    assert "features   built" in said
    assert f"shop version {made + 1} is refused: auc at least 0.999:" in said
    assert (server.champion, server.note()["outcome"]) == (champion, "refused")
    run = server.shop.run()
    assert run.registry.find("shop", CHALLENGER).version == made + 1
    refused = decisions(run.warehouse)[-1]
    assert (refused.to_version, refused.passed) == (made + 1, False)
    assert refused.reason in server.note()["reason"]
    again = server.change("shop.", "shop of old.", "README.md")
    assert f"held: nothing is done; shop version {made + 1} is what this commit makes, and was refused" in again
    assert server.made == made + 1
