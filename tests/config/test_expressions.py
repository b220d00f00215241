"""Expressions of model.yml: of the row alone, by functions that are allowed by name; and read by Spark as they were read here."""

from __future__ import annotations

import json
import re
import time

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from solvent.config.expressions import check_expression, columns_used
from solvent.config.functions import ALLOWED, CONSTANT

PURE = [
    "to_date('2024-01-01') < placed",
    "make_interval(0,0,0,1) + placed",
    "date_add(DATE '2020-01-01', 3) < a",
    "array(1,2)",
    "pi() * a",
    "placed > timestamp_seconds(0)",
    "date_trunc('year', DATE '2020-01-01') > a",
    "power(2,3) * a",
    "ln(2) * a",
    "make_date(2020,1,1) < a",
    "log(2, a)",
    "coalesce(a, 'north')",
    "array_contains(array('a', 'b'), a)",
    "map('a', 1)[a]",
    "a IN ('x', 'y')",
    "to_timestamp(a, 'yyyy-MM-dd HH:mm')",
    "named_struct('x', 1)",
    "concat('a-', a)",
    "lower(a) = 'x'",
    "least(a, 10)",
    "cast(0 as double)",
    "sequence(1, a)",
    "placed + INTERVAL 2 DAYS",
    "amount > 0",
    "returned IN (0, 1)",
    "scheduled_departure + coalesce(make_dt_interval(0, 0, dep_delay), INTERVAL 24 HOURS)",
    "sched_dep_time BETWEEN 0 AND 2359 AND sched_dep_time % 100 < 60",
    "to_utc_timestamp(date_add(day, 1), 'America/Los_Angeles') + INTERVAL 1 HOUR",
    "cast(amount as decimal(10,2))",
    "amount::int",
    "CASE WHEN a > 1 THEN 'x' ELSE 'y' END",
    "extract(year FROM placed)",
    "substring(name FROM 2 FOR 3)",
    "name LIKE 'a%'",
    "name LIKE ANY ('a%', 'b%')",
    "a IS NOT DISTINCT FROM b",
    "TIMESTAMP '1970-01-01 00:00:00'",
    "DATE '2024-01-01'",
    "transform(split(name, ','), x -> upper(x))",
    "filter(split(name,','), (x, i) -> i > 1)",
    "concat(a, 'now then', b)",
    "unix_timestamp(placed)",
    "`größe` > 1",
    "größe > 1",
    "regexp_like(a, '\\\\d+')",
    "timestamp_seconds(t)",
    "a = 'it\\'s'",
    "if(a > 0, 1, 0)",
    "try_cast(a AS INT)",
    "date_trunc('day', placed)",
    "named_struct('a', 1).a",
    "a <=> b",
    "not (a)",
    "trim(BOTH ' ' FROM name)",
    "aggregate(split(name, ','), 0, (acc, x) -> acc + length(x))",
    "make_timestamp(y, m, d, h, mi, 0)",
    "CAST(to_date(y, 'yyyy') AS TIMESTAMP)",
    "-amount",
    "amount * 1e3",
    "1.5D * a",
    "'a' || name",
    "exists(split(name, ','), x -> x = 'a')",
    "date(placed)",
    "round(a, 2)",
    "a[0]",
    "map('a', b)['a']",
    "nullif(a, 0)",
    "position('a' IN name)",
    "a RLIKE 'x'",
    "ceil(a)",
    "datediff(a, b)",
    "year(placed)",
    "date_format(placed, 'HH:mm') > '12:30'",
    "INTERVAL '1' DAY + placed",
    '"x" = a',
    "left(a, 3)",
    "floor(a/10)",
    "greatest(a,b)",
    "timestampdiff(HOUR, a, b)",
    "dateadd(DAY, 3, a)",
    "try_divide(a, b)",
    "isnull(a)",
    "a div 2",
    "nvl2(a,b,c)",
    "decode(a, 1, 'x')",
    "count_x > 1",
    "a || 'b' || c",
]
IMPURE = [
    "reflect('java.lang.System', 'getenv', 'HOME')",
    "java_method('a','b')",
    "`reflect`('a','b')",
    "(SELECT max(x) FROM t)",
    "EXISTS (SELECT 1)",
    "TIMESTAMP 'now'",
    "DATE 'today'",
    "cast('now' as timestamp)",
    "cast(' EPOCH ' as date)",
    "cast('no' || 'w' as timestamp)",
    "cast(concat('no','w') as timestamp)",
    "cast('n' 'ow' as timestamp)",
    "cast('\\u006eow' as date)",
    "cast(x'6e6f77' as string)",
    "http_request('a')",
    "ai_query('a', b)",
    "sum(a)",
    "count(*)",
    "row_number() OVER (ORDER BY a)",
    "explode(split(a,','))",
    "now()",
    "current_date",
    "current_timestamp()",
    "CURRENT_DATE()",
    "unix_timestamp()",
    "uuid()",
    "rand()",
    ":x > 1",
    "? > 1",
    "main.default.f(a)",
    "a -- comment",
    "a /* c */",
    "/*+ BROADCAST */ a",
    "a; b",
    "a, b",
    "*",
    "struct(*)",
    "current_user()",
    "session_user",
    "version()",
    "input_file_name()",
    "monotonically_increasing_id()",
    "TIMESTAMP '12:30'",
    "placed > 'now'",
    "(VALUES (1))",
    "(TABLE t)",
    "(FROM t)",
    "extract(year FROM (FROM t))",
    "a IN (SELECT 1)",
    "a IN (TABLE t)",
    "try_reflect('a','b')",
    "count(a) FILTER (WHERE a > 1)",
    "@@x",
    "$a",
    "{a}",
    "cast(reverse('won') as date)",
    "placed > chr(110) || 'ow'",
    "aes_encrypt(a, 'k')",
    "raise_error('x')",
    "identifier('a')",
    "r'now'",
    "cast('12:30' AS TIMESTAMP)",
    "to_timestamp('now')",
    "timestamp('today')",
    "`current_user`()",
    "a.b.c(1)",
    "sys.f(a)",
    "session.f(1)",
    "'now'::timestamp",
    "cast(lower('NOW') as timestamp)",
    "cast(trim(' now') as timestamp)",
    "assert_true(a)",
    "first(a)",
    "window(placed, '1 day')",
    "cast(array_join(array('no','w'),'') as date)",
    "LATERAL x",
    "a AS b",
    "shuffle(a)",
    "schema_of_json('x')",
    "cast(split('now','x')[0] as date)",
    "cast('no' || 'w' AS timestamp)",
    "placed > chr(110) || 'ow'",
]
COLUMNS = (
    "placed TIMESTAMP, amount DOUBLE, returned INT, scheduled_departure TIMESTAMP, dep_delay INT, sched_dep_time INT, day DATE, "
    "name STRING, a INT, b INT, c INT"
)


@pytest.mark.parametrize("expression", PURE)
def test_what_is_of_the_row_alone_is_allowed(expression: str) -> None:
    columns_used(expression)


@pytest.mark.parametrize("expression", IMPURE)
def test_what_is_of_more_than_the_row_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"^(calls|has|computes|asks|is not) "):
        check_expression(expression, ["a", "b", "placed", "lower", "x", "t", "TABLE"])


@pytest.mark.parametrize("word", ["localtimestamp", "current_time", "user", "session_user", "current_date"])
def test_a_word_for_the_clock_or_the_session_is_no_column(word: str) -> None:
    with pytest.raises(ValueError, match=word):
        check_expression(word, ["a"])


def test_of_sparks_functions_each_that_is_allowed_is_there_and_depends_on_the_row_alone(spark: SparkSession) -> None:
    there = {row[0] for row in spark.sql("SHOW FUNCTIONS").collect()}
    # Forms of Spark's grammar, not functions of its registry.
    assert ALLOWED - there <= {"try_cast", "timestampadd", "timestampdiff", *NEW}
    assert CONSTANT <= ALLOWED
    for name in there - ALLOWED:
        if re.fullmatch(r"\w+", name) and name not in (
            "and",
            "or",
            "not",
            "in",
            "like",
            "ilike",
            "rlike",
            "regexp",
            "case",
            "when",
            "div",
            "between",
        ):
            with pytest.raises(ValueError, match=r"calls|is not"):
                columns_used(f"{name}(a, b)")


NEW = frozenset(
    name for name in ALLOWED if name.startswith(("time_", "try_to_")) or name in ("make_time", "to_time", "time")
)


@pytest.mark.long
def test_the_examples_of_allowed_functions_give_the_same_for_each_row_and_again(spark: SparkSession) -> None:
    rows = spark.range(3)
    proved = 0
    # What else is allowed is of Spark's grammar, and has no examples.
    for name in sorted(ALLOWED & {row[0] for row in spark.sql("SHOW FUNCTIONS").collect()}):
        told = "\n".join(row[0] for row in spark.sql(f"DESCRIBE FUNCTION EXTENDED `{name}`").collect())
        for example in re.findall(r"> SELECT (.*);", told)[:2]:
            if " FROM " in example.upper() and "(" not in example.split(" FROM ")[0][-1:]:
                continue
            try:
                column = F.to_json(F.struct(F.expr(example).cast("string").alias("value")))
                first = [row[0] for row in rows.select(column).collect()]
            except Exception:  # an example of an error, or one that is no text
                continue
            time.sleep(0.01)
            assert len(first) == 3, example
            assert len({json.dumps(value) for value in first}) == 1, example
            assert [row[0] for row in rows.select(column).collect()] == first, example
            proved += 1
            break
    assert proved > 250
