"""How a session calculates is told as it is, and settings that decide values are named."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from solvent.identity import Manifest, calculation_of
from solvent.reproduction.elsewhere import caveats_elsewhere
from solvent.reproduction.findings import calculation_findings, environment_finding

NOW = {"arithmetic": {"vectors": "S_128_BIT"}, "settings": {"spark.sql.ansi.enabled": "true"}}


def test_settings_that_decide_values_are_told_and_others_are_not(spark: SparkSession) -> None:
    partitions = spark.conf.get("spark.sql.shuffle.partitions")
    try:
        spark.conf.set("spark.sql.legacy.parseNullPartitionSpecAsStringLiteral", "true")
        spark.conf.set("spark.sql.shuffle.partitions", "3")
        found = calculation_of(spark)["settings"]
    finally:
        spark.conf.unset("spark.sql.legacy.parseNullPartitionSpecAsStringLiteral")
        spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    assert found == {
        "spark.sql.ansi.enabled": "true",
        "spark.sql.legacy.parseNullPartitionSpecAsStringLiteral": "true",
        "spark.sql.session.timeZone": "UTC",
    }


def test_what_an_older_manifest_does_not_tell_is_no_difference() -> None:
    older = Manifest({"environment": {"python": "3.11.2", "java": "17.0.15", "cpu": "amd64", "pyspark": "4.2.0"}})
    here = {**older["environment"], "lock": "none"}
    found = environment_finding(older["environment"], here)
    assert found.identical
    assert found.detail.endswith("not recorded: lock")
    assert [one.identical for one in calculation_findings(older.calculation, NOW)] == [None, None]


def test_what_differs_is_named_with_both_values() -> None:
    arithmetic, settings = calculation_findings({"arithmetic": {"vectors": "S_256_BIT"}, "settings": {}}, NOW)
    assert (arithmetic.identical, arithmetic.detail) == (False, "vectors was S_256_BIT, is S_128_BIT")
    assert (settings.identical, settings.detail) == (False, "spark.sql.ansi.enabled was none, is true")
    assert all(one.identical for one in calculation_findings(NOW, NOW))
    gone = environment_finding(
        {"python": "3.11.2", "runtime": "17.3"}, {"python": "3.11.2", "pyspark": "4", "java": "17", "cpu": "x"}
    )
    assert (gone.identical, gone.detail.split(";")[0]) == (False, "runtime was 17.3, is none")


def test_why_old_code_may_make_another_model_is_said_before_it_runs(tmp_path: Path) -> None:
    older, newer = Manifest({}), Manifest({"calculation": NOW})
    assert list(caveats_elsewhere(newer, tmp_path)) == []
    (calculates,) = caveats_elsewhere(older, tmp_path)
    assert "its manifest does not record how" in calculates
    (tmp_path / "requirements.lock").write_text("PyYAML==0.1 \\\n")
    (pins,) = caveats_elsewhere(newer, tmp_path)
    assert pins.startswith("its commit pins other packages in requirements.lock")
    assert pins.endswith(" for 0.1")
