"""No expression takes a text for a time by Spark's own reading, asked for or not; by a format any may."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from solvent.coercion import require_no_text_for_a_time

COLUMNS = (
    "CAST(NULL AS STRING) AS a",
    "CAST(NULL AS STRING) AS name",
    "CAST(NULL AS TIMESTAMP) AS placed",
    "CAST(NULL AS DATE) AS day",
    "CAST(NULL AS INT) AS n",
    "split(CAST(NULL AS STRING), ',') AS arr",
    "CAST(NULL AS DOUBLE) AS `home town`",
)
BY_SPARK = [
    "cast(a as timestamp)",
    "try_cast(a as date)",
    "timestamp(a)",
    "date(a)",
    "to_timestamp(a)",
    "try_to_timestamp(a)",
    "a::date",
    "to_date(trim(a))",
    "placed > a",
    "a + INTERVAL 1 DAY > placed",
    "coalesce(a, placed)",
    "hour(a)",
    "date_trunc('day',a)",
    "transform(arr, x -> cast(x as timestamp))",
    "cast(arr as array<date>)",
    "cast(named_struct('x',a) as struct<`y z`:timestamp>)",
    "from_json(a,'a timestamp')",
    "variant_get(parse_json(a),'$.a','timestamp')",
    "parse_json(a)::timestamp",
    "date_format(a,'HH')",
    "datediff(a, placed)",
    "extract(year from a)",
    "placed in (a)",
    "placed between a and a",
    "placed = '12:30'",
    "months_between(a,placed)",
    "case when n>1 then a else placed end",
    "case when a > placed then 1 end",
    "array(a,placed)",
    "placed <=> a",
    "if(n>1,a,placed)",
    "nullif(placed,a)",
    "concat(a,'x') > placed",
    "a || 'x' > placed",
    "exists(arr, x -> x > placed)",
    "filter(arr, x -> hour(x) > 1)",
    "aggregate(arr, placed, (acc,x) -> greatest(acc, timestamp(x)))",
    "date_add(a,1)",
    "last_day(a)",
    "convert_timezone('UTC', a)",
    "CASE a WHEN placed THEN 1 END",
    "placed NOT IN ('12:30', '2024-01-01')",
    "least(1, hour(a))",
    "date_diff(placed, element_at(arr, 1))",
    "split(a,',')[0] > day",
    "NOT (a < placed)",
    "to_date(date_format(placed,'HH:mm'))",
    "timestampdiff(DAY, a, placed)",
    "nvl(a, placed)",
    "dayofweek(a)",
    "transform(arr, x -> variant_get(parse_json(x), '$.a','date'))",
    "sequence(a, placed)",
    "map_values(map('x', a))[0] > day",
    "try_add(a, INTERVAL 1 DAY)",
    "to_utc_timestamp(a,'UTC')",
    "a > make_timestamp(n,1,1,1,1,1)",
    "trunc(a,'MM')",
    "next_day(a,'MO')",
    "'12:30' < placed",
    "array_sort(arr, (l, r) -> datediff(l, r))",
    "greatest(placed, timestamp_ntz '2024-01-01 00:00:00') > a",
]
MANY = ", ".join(f"'{number}'" for number in range(40))
AS_WRITTEN = [
    "to_timestamp(a,'yyyy')",
    "to_date(a,'yyyy')",
    "try_to_timestamp(a, name)",
    "date(placed)",
    "cast(day as timestamp)",
    "to_utc_timestamp(day,'UTC')",
    "date_format(placed,'HH:mm') > '12:30'",
    "placed > '2024-01-31'",
    "placed + INTERVAL 2 DAYS",
    "concat(a, placed)",
    "timestamp_seconds(n)",
    "cast(n as timestamp)",
    "a = '12:30'",
    "transform(arr, x -> to_date(x,'yyyy'))",
    "CAST(to_date(a, 'yyyy') AS TIMESTAMP)",
    "placed > day",
    "unix_timestamp(a)",
    "unix_timestamp(a,'HH:mm')",
    "trim(BOTH ' ' FROM name)",
    "date_trunc('day', placed)",
    "substring(name FROM 2 FOR 3)",
    "name LIKE ANY ('a%', 'b%')",
    "cast(placed as string) = a",
    "hash(a, placed)",
    "a is null or placed is null",
    "TIMESTAMP '1970-01-01 00:00:00' < placed",
    "make_timestamp(year(placed),1,1,1,1,0) > placed",
    "from_json(a,'a string').a",
    "elt(1,a,placed)",
    "date_part('year', placed)",
    "a LIKE 'x/%' ESCAPE '/'",
    "make_date(2020,1,1) < day",
    "to_timestamp(concat(a, name), 'yyyyHH')",
    "n in (1,2)",
    "date_add(to_date(a, 'yyyy/MM/dd'), 1)",
    "`home town` * 2 > 1",
    "placed >= DATE '2024-01-01'",
    "concat_ws(',', a, day)",
    "nvl2(a, placed, day)",
    "CASE WHEN a = 'x' THEN placed ELSE day END",
    "if(a = 'x', placed, NULL)",
    "aggregate(arr, 0, (acc, x) -> acc + length(x)) + hour(placed)",
    "timestampadd(DAY, 1, day)",
    "unix_date(day)",
    "format_string('%s', a, day)",
    "mask(a)",
    "1.5D * n > 1 AND day IS NOT NULL AND hour(day) > 0",
    "a NOT LIKE 'x%' AND a NOT IN ('x') AND placed > day",
    "date_trunc(a, placed)",
    f"a IN ({MANY})",
]


@pytest.fixture(scope="module")
def facts(spark: SparkSession) -> DataFrame:
    """A source without a fact."""
    return spark.range(0).selectExpr(*COLUMNS)


@pytest.mark.parametrize("expression", BY_SPARK)
def test_a_text_that_spark_would_take_for_a_time_is_refused_with_what_to_write(
    facts: DataFrame, expression: str
) -> None:
    with pytest.raises(ValueError, match=r"^derive\.x: ") as caught:
        require_no_text_for_a_time(facts, {"derive.x": expression})
    line = str(caught.value)
    assert "by Spark's own reading" in line, line
    assert "write a format" in line
    assert "\n" not in line


def test_what_has_a_format_or_is_a_time_by_its_type_is_let_through(facts: DataFrame) -> None:
    for expression in AS_WRITTEN:
        require_no_text_for_a_time(facts, {"derive.x": expression})
