"""The functions of Spark that an expression of model.yml may call: each gives one value for one row, from that row alone, always the same.

By Spark 4's reference of built-in functions (https://spark.apache.org/docs/latest/api/sql/). What is not listed is refused: aggregates and
windows (of other rows), generators (other rows), the clock, chance, session, user, catalog and file of a row, Java, the network, files,
sketches, XPath (whose documents may name files), and whatever a later Spark or a catalog adds.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# They compute a constant that is no text, so that they may be called on no column.
CONSTANT = words(
    """
    abs array bigint boolean ceil ceiling date date_add date_from_unix_date date_sub date_trunc dateadd decimal double e exp float floor
    int ln log log10 log1p log2 make_date make_dt_interval make_interval make_time make_timestamp make_timestamp_ltz make_timestamp_ntz
    make_ym_interval map named_struct negative pi pow power radians round smallint sqrt struct timestamp timestamp_micros
    timestamp_millis timestamp_seconds tinyint to_date to_timestamp to_timestamp_ltz to_timestamp_ntz try_make_interval
    try_make_timestamp try_make_timestamp_ltz try_make_timestamp_ntz try_to_date try_to_timestamp
    """
)
ALLOWED = CONSTANT | words(
    """
    acos acosh add_months aes_decrypt aggregate array_append array_compact array_contains array_distinct array_except array_insert
    array_intersect array_join array_max array_min array_position array_prepend array_remove array_repeat array_size array_sort
    array_union arrays_overlap arrays_zip ascii asin asinh atan atan2 atanh base64 bin binary bit_count bit_get bit_length
    bitmap_bit_position bitmap_bucket_number bitmap_count bround btrim cardinality cast cbrt char char_length character_length chr
    coalesce collate collation concat concat_ws contains conv convert_timezone cos cosh cot crc32 csc date_diff date_format date_part
    datediff datepart day dayname dayofmonth dayofweek dayofyear decode degrees element_at elt encode endswith equal_null exists expm1
    extract factorial filter find_in_set flatten forall format_number format_string from_csv from_json from_unixtime from_utc_timestamp
    get get_json_object getbit greatest hash hex hour hypot if ifnull initcap instr is_valid_utf8 is_valid_variant is_variant_null isnan
    isnotnull isnull json_array_length json_object_keys last_day lcase least left len length levenshtein locate lower lpad ltrim
    luhn_check make_valid_utf8 map_concat map_contains_key map_entries map_filter map_from_arrays map_from_entries map_keys map_values
    map_zip_with mask md5 minute mod month monthname months_between nanvl next_day nullif nullifzero nvl nvl2 octet_length overlay
    parse_json parse_url pmod position positive printf quarter quote reduce regexp_count regexp_extract regexp_extract_all regexp_instr
    regexp_like regexp_replace regexp_substr repeat replace reverse right rint rpad rtrim sec second sentences sequence sha sha1 sha2
    shiftleft shiftright shiftrightunsigned sign signum sin sinh size slice sort_array soundex space split split_part startswith
    str_to_map string substr substring substring_index tan tanh time time_diff time_from_micros time_from_millis time_from_seconds
    time_to_micros time_to_millis time_to_seconds time_trunc timestampadd timestampdiff to_binary to_char to_csv to_json to_number
    to_time to_unix_timestamp to_utc_timestamp to_varchar to_variant_object transform transform_keys transform_values translate trim
    trunc try_add try_aes_decrypt try_cast try_divide try_element_at try_mod try_multiply try_parse_json try_parse_url try_subtract
    try_to_binary try_to_number try_to_time try_url_decode try_validate_utf8 try_variant_get typeof ucase unbase64 unhex unix_date
    unix_micros unix_millis unix_seconds unix_timestamp upper url_decode url_encode validate_utf8 variant_get weekday weekofyear
    width_bucket xxhash64 year zeroifnull zip_with
    """
)
# Words that a bracket may follow without being called.
SYNTAX = words("and between by case decimal dec div else end ilike in is like not numeric or regexp rlike then when")
# Words of queries, of windows and of what the session knows, where no column has that name.
REFUSED = words(
    """
    current_catalog current_database current_date current_path current_schema current_time current_timestamp current_timezone
    current_user distribute except from having identifier intersect lateral limit localtimestamp minus over pivot qualify select
    session_user table tablesample union unpivot user values where window with within
    """
)
# Of these, from also separates the arguments of a function.
WITH_FROM = words("btrim extract ltrim overlay position rtrim substr substring trim")
