"""What comes in, what does not, and why; on landing files as they go wrong in practice."""

from __future__ import annotations

import bz2
import gzip
import os
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib import import_module
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from solvent.config.landing import Landing
from solvent.errors import IngestError, TableError
from solvent.sources.acceptance import judged, within_reach
from solvent.sources.ingest import Batch, ingest
from solvent.sources.pins import source_pins, verified_content
from solvent.tables.warehouse import Warehouse

module = import_module("solvent.sources.ingest")

HEADER = "id,customer,placed,amount,returned"
GOOD = ["1,c1,2024-01-01 10:00:00,5.5,0", "2,c2,2024-01-01 11:00:00,7.0,1"]

RAW = "id STRING, customer STRING, placed STRING, amount STRING, returned STRING, _corrupt STRING, _raw STRING, _file STRING"


def taken_in(shop: Any) -> list[Batch]:
    run = shop.run()
    return ingest(run.warehouse, orders_of(run), str(shop.landing))


def orders_of(run: Any) -> Any:
    """The project with one source only, as each costs seconds."""
    return run.project.model_copy(update={"sources": {"orders": run.project.sources["orders"]}})


def only(batches: list[Batch]) -> Batch:
    (batch,) = (one for one in batches if one.source == "orders")
    return batch


@pytest.fixture
def empty_shop(shop: Any) -> Any:
    """A Shop with no order yet."""
    for path in (shop.landing / "orders").iterdir():
        path.unlink()
    return shop


def table(shop: Any, name: str) -> DataFrame:
    return shop.run().warehouse.read(name)


def test_rows_are_accepted_quarantined_or_duplicates(empty_shop: Any) -> None:
    rows = [
        *GOOD,
        GOOD[0],  # the same again
        "9,c1,2024-01-01 10:00:00,5.5,0",  # two values of one key, and nothing tells which is meant
        "9,c1,2024-01-01 10:00:00,6.5,0",
        "3,c1,2024-01-01 12:00:00,lots,0",
        ",c1,2024-01-01 12:00:00,5.0,0",
        "4,c1,2024-01-01 12:00:00,-5.0,0",
        "5,c1,2024-13-01 12:00:00,5.0,0",
        "6,c1",
        '7,"c,1",2024-01-01 12:00:00,5.0,',
        "8,c1,,5.0,0",
    ]
    empty_shop.land("orders", "a.csv", [HEADER, *rows])
    batch = only(taken_in(empty_shop))
    assert (batch.rows_in, batch.accepted, batch.quarantined, batch.duplicates) == (12, 3, 8, 1)
    stored = {row.id: (row.customer, row.amount, row.returned) for row in table(empty_shop, "source_orders").collect()}
    assert stored.keys() == {1, 2, 7}
    assert stored[7] == ("c,1", 5.0, None)
    refused = {row.raw.split(",")[0]: (row.reason, row.file) for row in table(empty_shop, "quarantine").collect()}
    reasons = {key: reason for key, (reason, _) in refused.items()}
    assert reasons["3"] == "amount: not DOUBLE"
    assert reasons["4"] == "expectation amount_is_positive does not hold: amount > 0"
    assert reasons["5"] == "placed: not TIMESTAMP"
    assert reasons["6"].startswith("does not parse")
    assert "time" in reasons["8"]
    assert reasons["9"] == "conflict: another row of the file has the same id and other values"
    assert {reason for key, reason in reasons.items() if key in ("", '""')} == {"id: key is missing"}
    assert {file for _, file in refused.values()} == {"a.csv"}


def test_a_later_file_adds_only_what_is_new(empty_shop: Any) -> None:
    empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    assert only(taken_in(empty_shop)).accepted == 2
    assert [one for one in taken_in(empty_shop) if one.source == "orders"] == []
    empty_shop.land(
        "orders", "b.csv", [HEADER, GOOD[1], "2,c2,2024-01-01 11:00:00,9.0,1", "3,c1,2024-01-02 00:00:00,1.0,0"]
    )
    batch = only(taken_in(empty_shop))
    assert (batch.rows_in, batch.accepted, batch.quarantined, batch.duplicates) == (3, 1, 1, 1)
    run = empty_shop.run()
    (pin,) = source_pins(run.warehouse, orders_of(run))
    assert pin.rows == 3
    assert pin.digest == verified_content(run.warehouse, run.project.sources["orders"], pin)


def test_what_arrives_is_compared_with_the_files_that_can_have_its_keys(empty_shop: Any) -> None:
    for number in range(4):
        rows = [f"{10 * number + n},c1,2024-01-01 10:00:00,5.5,0" for n in range(10)]
        empty_shop.land("orders", f"{number}.csv", [HEADER, *rows])
        assert only(taken_in(empty_shop)).accepted == 10
    run = empty_shop.run()
    source, stored = run.project.sources["orders"], run.warehouse.read("source_orders")
    new = judged(raw_orders(run.spark, [(12, "5.5"), (None, "5.5"), (99, "lots"), (21, "7.5")]), source)
    near = within_reach(stored, new, source)
    assert sorted(row["id"] for row in near.collect()) == list(range(12, 22))
    assert (len(stored.inputFiles()), len(near.inputFiles())) == (4, 2)
    refused = judged(raw_orders(run.spark, [(12, "lots")]), source)
    assert within_reach(stored, refused, source).count() == 0


def raw_orders(spark: SparkSession, orders: list[tuple[int | None, str]]) -> DataFrame:
    texts = [
        (None if id is None else str(id), "c1", "2024-01-01 10:00:00", amount, "0", None, "", "a.csv")
        for id, amount in orders
    ]
    return spark.createDataFrame(texts, RAW)


def test_a_file_that_changed_after_ingestion_is_an_error(empty_shop: Any) -> None:
    path = empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    taken_in(empty_shop)
    path.write_text(path.read_text().replace("7.0", "8.0"))
    with pytest.raises(IngestError, match=r"orders/a\.csv: has changed since it was ingested"):
        taken_in(empty_shop)
    assert table(empty_shop, "source_orders").where("amount = 8").count() == 0


NAMES = [
    *(
        "a+b.csv",
        "a b.csv",
        "100%.csv",
        "a%20b.csv",
        "#1.csv",
        "what?.csv",
        "orders1.csv",
        "orders[1].csv",
        "{1,2}.csv",
    ),
    *(
        "st*r.csv",
        "com,ma.csv",
        "ü€.CSV",
        "back\\slash.csv",
        "a sub folder/of one/x y.csv",
        "day=2024-01-01/x.csv",
        "x.tsv",
    ),
]
PACKED = {
    "x.csv.gz": gzip.compress,
    "X.CSV.GZ": gzip.compress,
    "x.csv.bz2": bz2.compress,
    "x.csv.deflate": zlib.compress,
}
NO_DATA = ("README.txt", "x.csv.md5", "SHA256SUMS", "x.csv.tmp", "x.csv.partial", "x.csv.crdownload", "notes", "x.json")
HIDDEN = ("_SUCCESS", ".y.csv.swp", ".hidden.csv", "_temporary/z.csv")


def test_each_file_is_read_by_its_name_and_what_is_no_data_is_said(empty_shop: Any) -> None:
    folder, said = empty_shop.landing / "orders", []
    for number, name in enumerate([*NAMES, *PACKED]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"{HEADER}\n{number},c1,2024-01-01 10:00:00,5.5,0\n".encode()
        path.write_bytes(PACKED.get(name, bytes)(text))
    for name in (*NO_DATA, *HIDDEN):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("no order")
    run = empty_shop.run()
    (batch,) = ingest(run.warehouse, orders_of(run), str(empty_shop.landing), said.append)
    assert (batch.rows_in, batch.accepted, batch.files) == (len(NAMES) + len(PACKED),) * 3
    assert {row["_file"]: row["id"] for row in table(empty_shop, "source_orders").collect()} == {
        name: number for number, name in enumerate([*NAMES, *PACKED])
    }
    assert {row["file"] for row in run.warehouse.rows("ingest_files")} == {*NAMES, *PACKED}
    assert said == [f"{folder}: left alone, as by their names they hold no csv: {', '.join(sorted(NO_DATA))}"]
    assert ingest(run.warehouse, orders_of(run), str(empty_shop.landing)) == []
    (folder / "10:30.csv").write_text(HEADER)
    (folder / "nothing.csv").touch()
    (folder / "other.csv").write_text("id;amount\n")
    with pytest.raises(IngestError, match=r"10:30\.csv: has a colon in its name") as caught:
        ingest(run.warehouse, orders_of(run), str(empty_shop.landing))
    first, second, third = str(caught.value).splitlines()
    assert ("10:30.csv" in first, "nothing.csv: is empty" in second, "other.csv" in third) == (True, True, True)


def test_a_file_that_is_still_written_is_not_taken_in(empty_shop: Any) -> None:
    """Not while it grows; and one that grew after all is named with what to do, as is every other that changed."""
    path = empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    other = empty_shop.land("orders", "b.csv", [HEADER, "7,c7,2024-01-01 11:00:00,7.0,1"])
    sift, written = module.sift, path.read_text()

    def meanwhile(*arguments: Any) -> Any:
        path.write_text(written + "3,c1,2024-01-02 00:00:00,1.0,0\n")
        return sift(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "sift", meanwhile)
        with pytest.raises(IngestError, match=r"orders/a\.csv: was written to while it was read; run again"):
            taken_in(empty_shop)
    assert table(empty_shop, "source_orders").count() == 0
    assert only(taken_in(empty_shop)).accepted == 4
    path.write_text(path.read_text() + "4,c1,2024-01-02 00:00:00,1.0,0\n")
    other.write_text(other.read_text().replace("7.0", "8.0"))
    with pytest.raises(IngestError) as caught:
        taken_in(empty_shop)
    grown, changed = str(caught.value).splitlines()
    assert "a.csv: has changed" in grown
    assert grown.endswith(f"if lines were added, cut it to its first {len(written) + 31} bytes")
    assert "b.csv: has changed" in changed


def test_a_changed_file_holds_up_its_own_source_only(empty_shop: Any) -> None:
    path = empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    run, said = empty_shop.run(), []
    ingest(run.warehouse, run.project, str(empty_shop.landing))
    path.write_text(path.read_text() + "4,c1,2024-01-02 00:00:00,1.0,0\n")
    empty_shop.land("customers", "z.csv", ["customer,region", "z1,north"])
    with pytest.raises(IngestError, match=r"orders/a\.csv: has changed") as caught:
        ingest(run.warehouse, run.project, str(empty_shop.landing), said.append)
    assert len(str(caught.value).splitlines()) == 1
    assert said == ["taken in all the same: customers"]
    assert run.warehouse.read("source_customers").where("customer = 'z1'").count() == 1
    empty_shop.land("orders", "b.csv", [HEADER, "5,c1,2024-01-02 00:00:00,1.0,0"])
    empty_shop.land("customers", "bad.csv", ["customer,district", "z2,north"])
    path.write_text("\n".join([HEADER, *GOOD, ""]))
    with pytest.raises(IngestError, match=r"customers/bad\.csv: has the header"):
        ingest(run.warehouse, run.project, str(empty_shop.landing))
    assert run.warehouse.read("source_orders").where("id = 5").count() == 1


def test_a_file_waits_as_long_as_its_source_says_after_it_was_written_to(empty_shop: Any) -> None:
    path = empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    run, said = empty_shop.run(), []
    declared = run.project.sources["orders"]
    patient = declared.model_copy(
        update={"landing": Landing.model_validate({**declared.landing.model_dump(), "wait": "10 minutes"})}
    )
    project = run.project.model_copy(update={"sources": {"orders": patient}})
    assert project.digest("sources") == orders_of(run).digest("sources")
    assert ingest(run.warehouse, project, str(empty_shop.landing), said.append) == []
    assert said == [
        f"{empty_shop.landing}/orders: left for later, as they were written to in the last 10 minutes: a.csv"
    ]
    earlier = path.stat().st_mtime - 601
    os.utime(path, (earlier, earlier))
    assert only(ingest(run.warehouse, project, str(empty_shop.landing))).accepted == 2


def test_what_is_not_there_or_no_longer_fits_is_said_without_a_new_file(empty_shop: Any) -> None:
    run, said = empty_shop.run(), []
    assert ingest(run.warehouse, orders_of(run), f"{empty_shop.landing}/nowhere", said.append) == []
    assert said == [f"{empty_shop.landing}/nowhere/orders: holds no file, or does not exist"]
    empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    taken_in(empty_shop)
    empty_shop.configure("id INT, customer STRING", "id BIGINT, customer STRING")
    with pytest.raises(TableError, match="column id is INT in the table and BIGINT in the declaration"):
        taken_in(empty_shop)


def bzip2_without_its_end(folder: Path) -> None:
    (folder / "bad.csv.bz2").write_bytes(bz2.compress("\n".join([HEADER, *GOOD]).encode())[:-5])


def truncated_gzip(folder: Path) -> None:
    lines = "\n".join([HEADER, *(f"{n},c{n % 7},2024-01-01 10:00:00,{n * 7919 % 1009}.5,0" for n in range(20000))])
    content = gzip.compress(lines.encode())
    (folder / "bad.csv.gz").write_bytes(content[: len(content) // 2])


def zip_archive(folder: Path) -> None:
    with zipfile.ZipFile(folder / "bad.zip", "w") as archive:
        archive.writestr("a.csv", "\n".join([HEADER, *GOOD]))


def truncated_zip(folder: Path) -> None:
    zip_archive(folder)
    content = (folder / "bad.zip").read_bytes()
    (folder / "bad.zip").write_bytes(content[: len(content) // 2])


def zstd(folder: Path) -> None:
    """Whose reader takes a file for whole of which the last part is cut off."""
    content = pa.compress("\n".join([HEADER, *GOOD]).encode(), codec="zstd", asbytes=True)
    (folder / "bad.csv.zst").write_bytes(content)


BAD_FILES: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "bad.csv").write_bytes(b""), r"bad\.csv: is empty"),
    (truncated_gzip, r"bad\.csv\.gz: cannot be read to its end, it is cut off or damaged"),
    (
        lambda folder: (folder / "bad.csv.gz").write_bytes(b"id,customer\n"),
        r"bad\.csv\.gz: is not compressed as its end \.gz says",
    ),
    (bzip2_without_its_end, r"bad\.csv\.bz2: has no end of bzip2 where it ends"),
    (zstd, r"bad\.csv\.zst: is zst, which is not read"),
    (zip_archive, r"bad\.zip: is zip, which is not read"),
    (truncated_zip, r"bad\.zip: is zip, which is not read"),
    (
        lambda folder: (folder / "bad.csv").write_text("id,client,placed\n1,2,3\n"),
        r"bad\.csv: has the header id,client,placed; expected",
    ),
    (lambda folder: (folder / "bad.csv").write_bytes(bytes(range(256)) * 40), r"bad\.csv: is binary, not csv text"),
    (
        lambda folder: (folder / "bad.csv").write_bytes(f"{HEADER}\n1,caf\xe9".encode("latin-1")),
        r"bad\.csv: is not UTF-8 text",
    ),
]


def test_a_bad_file_is_named_and_leaves_nothing(empty_shop: Any) -> None:
    folder = empty_shop.landing / "orders"
    empty_shop.land("orders", "good.csv", [HEADER, *GOOD])
    for write, says in BAD_FILES:
        write(folder)
        with pytest.raises(IngestError, match=says):
            taken_in(empty_shop)
        for path in folder.glob("bad*"):
            path.unlink()
    for write, _ in BAD_FILES[:2]:
        write(folder)
    with pytest.raises(IngestError) as caught:
        taken_in(empty_shop)
    assert [line.split(":")[0].rsplit("/", 1)[1] for line in str(caught.value).splitlines()] == [
        "bad.csv",
        "bad.csv.gz",
    ]
    for path in folder.glob("bad*"):
        path.unlink()
    for name in ("source_orders", "quarantine", "ingest_files"):
        assert not empty_shop.run().warehouse.exists(name) or table(empty_shop, name).count() == 0
    assert only(taken_in(empty_shop)).accepted == 2


def test_a_packed_file_that_is_cut_off_anywhere_is_refused(empty_shop: Any) -> None:
    """Also in the last of several streams, of which a reader may take those before it for all."""
    folder, names = empty_shop.landing / "orders", []
    for name, pack in PACKED.items():
        parts = [pack("\n".join(lines).encode()) for lines in ([HEADER, GOOD[0], ""], [*GOOD[1:], ""])]
        whole = b"".join(parts[1:] if name.endswith("deflate") else parts)
        for cut in (1, 5, 9, len(parts[1]) - 12, len(parts[1]) - 3):
            names.append(f"{cut}-{name}")
            (folder / names[-1]).parent.mkdir(exist_ok=True)
            (folder / names[-1]).write_bytes(whole[:-cut])
    with pytest.raises(IngestError) as caught:
        taken_in(empty_shop)
    assert sorted(line.split(": ")[0].rsplit("/", 1)[1] for line in str(caught.value).splitlines()) == sorted(names)


def test_a_source_is_append_only(empty_shop: Any, spark: SparkSession) -> None:
    empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    taken_in(empty_shop)
    name = empty_shop.run().warehouse.name("source_orders")
    for statement in (
        f"UPDATE {name} SET amount = 0",
        f"DELETE FROM {name} WHERE id = 1",
        f"MERGE INTO {name} USING (SELECT 1 AS other) ON id = other WHEN MATCHED THEN DELETE",
    ):
        with pytest.raises(PySparkException, match="DELTA_CANNOT_MODIFY_APPEND_ONLY"):
            spark.sql(statement)


class KilledError(BaseException):
    """As sudden as a signal: nothing handles it."""


def test_a_run_killed_anywhere_is_finished_by_the_next(empty_shop: Any) -> None:
    """Killed before each append in turn; at the end the tables are those of a run that was not killed."""
    empty_shop.land("orders", "a.csv", [HEADER, *GOOD, "9,c1,2024-01-01 10:00:00,-1,0", GOOD[0]])
    transaction, run = Warehouse.transaction, empty_shop.run()
    orders, landing = orders_of(run), str(empty_shop.landing)
    for killed_before in ("ingest_files", "quarantine", "source_orders", "ingest_batches"):

        def killed(self: Warehouse, name: str, *arguments: Any, at: str = killed_before) -> tuple[str, int]:
            if name == at:
                raise KilledError
            return transaction(self, name, *arguments)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Warehouse, "transaction", killed)
            with pytest.raises(KilledError):
                ingest(run.warehouse, orders, landing)
    ingest(run.warehouse, orders, landing)
    assert sorted(row.id for row in table(empty_shop, "source_orders").collect()) == [1, 2]
    assert table(empty_shop, "quarantine").count() == 1
    (batch,) = table(empty_shop, "ingest_batches").collect()
    assert (batch.rows_in, batch.accepted, batch.quarantined, batch.duplicates) == (4, 2, 1, 1)
    assert ingest(run.warehouse, orders, landing) == []


def test_two_runs_at_once_take_every_row_in_once(empty_shop: Any) -> None:
    """One sees a file that the other does not, and both see the first: whoever comes second is told, or has nothing to do."""
    empty_shop.land("orders", "a.csv", [HEADER, *GOOD])
    first, second = empty_shop.run(), empty_shop.run()
    orders, landing = orders_of(first), str(empty_shop.landing)
    first.warehouse, second.warehouse  # noqa: B018 (made before the race)

    def taking_in(run: Any) -> str:
        try:
            ingest(run.warehouse, orders, landing)
        except TableError as error:
            return str(error)
        return ""

    claim = module.claim_files
    second_file = [HEADER, *GOOD, "3,c1,2024-01-02 00:00:00,1.0,0"]
    gate = Barrier(2, action=lambda: empty_shop.land("orders", "b.csv", second_file), timeout=120)

    def noted_together(*arguments: Any) -> None:
        gate.wait()
        claim(*arguments)

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(2) as pool:
        patched.setattr(module, "claim_files", noted_together)
        said = list(pool.map(taking_in, (first, second)))
    assert all(text == "" or "another run appended at the same time" in text for text in said), said
    taken_in(empty_shop)
    assert sorted(row.id for row in table(empty_shop, "source_orders").collect()) == [1, 2, 3]
    batches = table(empty_shop, "ingest_batches").collect()
    assert sorted((row.rows_in, row.accepted, row.duplicates) for row in batches) == [(2, 2, 0), (3, 1, 2)]
    assert taken_in(empty_shop) == []


def test_pins_need_an_ingest_first(shop: Any) -> None:
    run = shop.run()
    with pytest.raises(TableError, match="nothing was ingested; run `solvent ingest --project shop`"):
        source_pins(run.warehouse, run.project)
    assert not run.warehouse.exists("source_orders")
    assert shop.as_of > date(2024, 1, 1)
