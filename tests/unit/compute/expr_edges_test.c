/* tests/unit/compute/expr_edges_test.c - functions and operators over nulls, wrong types and
 * extremes, as tables of (expression, expected). */
#include "expr_helper.h"

static void functions_of_numbers(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"acos(1)", "0.0"},
        {"acos(2)", "NaN"},
        {"acos(d)", "NaN, 1.5707963267948966, 1.5707963267948966, NaN, NaN, NaN, null, NaN"},
        {"acos('1')", "null"},
        {"acos(null)", "null"},
        {"asin(1)", "1.5707963267948966"},
        {"atan(1)", "0.7853981633974483"},
        {"cos(0)", "1.0"},
        {"cosh(1)", "1.5430806348152437"},
        {"cot(1)", "0.6420926159343308"},
        {"cot(0)", "Infinity"},
        {"exp(1)", "2.718281828459045"},
        {"exp(1000)", "Infinity"},
        {"expm1(1.0E-10)", "1.00000000005E-10"},
        {"log(0)", "-Infinity"},
        {"log(-1)", "NaN"},
        {"log10(1000)", "3.0"},
        {"log1p(0)", "0.0"},
        {"sinh(1)", "1.1752011936438014"},
        {"tan(0)", "0.0"},
        {"tanh(1)", "0.7615941559557649"},
        {"sin(null)", "null"},
        {"cbrt(-8)", "-2.0"},
        {"hypot(null,1)", "null"},
        {"pow(2,'3')", "8.0"},
        {"pow(2,null)", "null"},
        {"max(null, 3)", "null"},
        {"max('a', 1)", "null"},
        {"min(null,null)", "null"},
        {"bitwiseAnd(null, 1)", "null"},
        {"bitwiseAnd('5', 3)", "1"},
        {"bitwiseConvertLongBitsToDouble(null)", "null"},
        {"bitwiseComplement(1.9)", "-2"},
        {"ulp(null)", "null"},
        {"scalb(1.5, null)", "null"},
        {"nextUp('x')", "null"},
        {"getExponent(null)", "null"},
        {"round(null)", "null"},
        {"round(5.5)", "6.0"},
        {"round('5')",
         "!Function[round] first argument should be a LONG or DOUBLE but got STRING instead"},
        {"pi()", "3.141592653589793"},
        {"div(5, 0)", "!/ by zero"},
        {"div(null, 2)", "null"},
        {"div('a', 2)", "null"},
        {"safe_divide(5, 0)", "null"},
        {"safe_divide(5.0, 2)", "2.5"},
        {"remainder(5, 0)", "NaN"},
    };
    CHECK_CASES(cases);
}

static void texts(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"atan2(null, 1)", "null"},
        {"concat('a', null)", "null"},
        {"concat('a', 1, 2.5)", "'a12.5'"},
        {"concat()", "null"},
        {"format('%s-%d', 'a', 3)", "'a-3'"},
        {"format('%.2f', 1.005)", "'1.01'"},
        {"format('%x', 255)", "'ff'"},
        {"format('%5s|%-5s|', 'a', 'b')", "'    a|b    |'"},
        {"format(null, 1)", "null"},
        {"like('abc', 'a%')", "1"},
        {"like(null, 'a')", "null"},
        {"like('a_c', 'a!_c', '!')", "1"},
        {"like(l, '5%')", "1, 0, 0, 0, 0, null, 0, 0"},
        {"parse_long('10')", "10"},
        {"parse_long('0xFF', 16)", "255"},
        {"parse_long('ff', 16)", "255"},
        {"parse_long('z', 10)", "null"},
        {"parse_long('9223372036854775808')", "null"},
        {"parse_long('-12')", "-12"},
        {"parse_long(null)", "null"},
        {"parse_long(12)", "12"},
        {"regexp_extract('abc123', '[0-9]+')", "'123'"},
        {"regexp_extract('abc123', '([a-z])([0-9])', 2)", "'1'"},
        {"regexp_extract(null, 'a')", "null"},
        {"regexp_extract('x', 'y')", "null"},
        {"regexp_like('abc', 'b')", "1"},
        {"regexp_like(null, 'b')", "null"},
        {"regexp_replace('a1b2', '[0-9]', '#')", "'a#b#'"},
        {"regexp_replace('a1b2', '([0-9])', '<$1>')", "'a<1>b<2>'"},
        {"regexp_replace(null, 'a', 'b')", "null"},
        {"regexp_replace('abc', null, 'b')", "null"},
        {"contains_string('abc', 'B')", "0"},
        {"icontains_string('abc', 'B')", "1"},
        {"contains_string(null, 'a')", "null"},
        {"contains_string('a', null)", "null"},
        {"replace('aXbX', 'X', '-')", "'a-b-'"},
        {"replace('a', null, 'b')", "null"},
        {"substring('abc', 1, null)", "null"},
        {"right('abc', 10)", "'abc'"},
        {"left(null, 1)", "null"},
        {"strpos('hello', 'l')", "2"},
        {"strpos('hello', 'l', 3)", "3"},
        {"strpos('hello', 'z')", "-1"},
        {"strpos(null, 'z')", "null"},
        {"strpos('', '')", "0"},
        {"trim(null)", "null"},
        {"trim('xax', null)", "null"},
        {"lower(null)", "null"},
        {"upper(5)", "'5'"},
        {"reverse(null)", "null"},
        {"repeat('a', -1)", "null"},
        {"repeat(null, 2)", "null"},
        {"lpad('abc', 2, 'x')", "'ab'"},
        {"lpad('abc', 5, '')", "'abc'"},
        {"lpad(null, 5, 'x')", "null"},
        {"lpad('abc', -1, 'x')", "null"},
        {"rpad('abc', 5, 'xy')", "'abcxy'"},
        {"rpad('abc', 5, null)", "null"},
        {"strlen(null)", "null"},
        {"decode_base64_utf8('aGVsbG8=')", "'hello'"},
        {"decode_base64_utf8(null)", "null"},
        {"decode_base64_utf8('*')", "!Function[decode_base64_utf8] given text is no base64"},
    };
    CHECK_CASES(cases);
}

static void operators(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"-'5'", "-5.0"},
        {"-l", "-5, 3, 0, -9223372036854775807, -9223372036854775808, null, -7, -100"},
        {"!l", "0, 1, 1, 0, 1, null, 0, 0"},
        {"!d", "0, 1, 1, 0, 1, 1, null, 0"},
        {"!s", "1, 1, null, 1, 1, 0, 1, 1"},
        {"!null", "null"},
        {"1 + null", "null"},
        {"'1' + 2", "3.0"},
        {"'a' + 'b'", "'ab'"},
        {"s + 1", "null, null, null, null, null, null, null, null"},
        {"s + s", "'alphaalpha', '', null, 'BetaBeta', 'étéété', 'truetrue', '🚀x🚀x', 'alphaalpha'"},
        {"l + n",
         "10.0, null, null, 1.8446744073709552E19, -9.223372036854776E18, null, 17.0, 109.0"},
        {"n * 2", "10.0, null, null, 1.8446744073709552E19, -5.0, null, 20.0, 18.0"},
        {"'3' * 2", "6.0"},
        {"'a' * 2", "null"},
        {"5 / 0.0", "Infinity"},
        {"-5 / 0.0", "-Infinity"},
        {"0.0 / 0.0", "NaN"},
        {"5 % 3", "2"},
        {"-5 % 3", "-2"},
        {"5.5 % 2", "1.5"},
        {"5 % 0.0", "NaN"},
        {"2 ^ 10", "1024"},
        {"2 ^ -1", "!exponent (-1) must be >= 0 and fit an int"},
        {"2 ^ 0.5", "1.4142135623730951"},
        {"2.0 ^ 2", "4.0"},
        {"2 ^ 63", "-9223372036854775808"},
        {"2 ^ 64", "0"},
        {"9223372036854775807 + 1", "-9223372036854775808"},
        {"1 < 2 == 1", "1"},
        {"'a' < 'b'", "1"},
        {"'10' < 9", "0"},
        {"'a' < 1", "null"},
        {"s == 'alpha'", "1, 0, null, 0, 0, 0, 0, 1"},
        {"null == null", "null"},
        {"null != 1", "null"},
        {"l > 0 && d > 0", "1, 0, 0, 1, 0, null, null, 1"},
        {"l || null", "1, null, null, 1, null, null, 1, 1"},
        {"0 || null", "null"},
        {"1 && null", "null"},
        {"0 && null", "0"},
        {"'true' && 1", "1"},
        {"'troo' || 'true'", "1"},
        {"0.7 || 0.3", "1"},
        {"100 && 0", "0"},
    };
    CHECK_CASES(cases);
}

static void conditions(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"isnull(l)", "0, 0, 0, 0, 0, 1, 0, 0"},
        {"notnull(s)", "1, 1, 0, 1, 1, 1, 1, 1"},
        {"istrue(l)", "1, 0, 0, 1, 0, 0, 1, 1"},
        {"isfalse(l)", "0, 1, 1, 0, 1, 0, 0, 0"},
        {"nottrue(l)", "0, 1, 1, 0, 1, 1, 0, 0"},
        {"notfalse(l)", "1, 0, 0, 1, 0, 1, 1, 1"},
        {"istrue('true')", "1"},
        {"istrue(null)", "0"},
        {"isfalse(null)", "0"},
        {"isdistinctfrom(l, 5)", "0, 1, 1, 1, 1, 1, 1, 1"},
        {"notdistinctfrom(l, null)", "0, 0, 0, 0, 0, 1, 0, 0"},
        {"isdistinctfrom('1', 1)", "0"},
        {"isdistinctfrom(null, null)", "0"},
        {"if(l > 0, 'a', 1)", "'a', '1', '1', 'a', '1', '1', 'a', 'a'"},
        {"if(null, 1, 2)", "2"},
        {"if('true', 1, 2)", "1"},
        {"if(0.5, 'x', 'y')", "'x'"},
        {"nvl(l, -1)", "5, -3, 0, 9223372036854775807, -9223372036854775808, -1, 7, 100"},
        {"nvl(s, 5)", "'alpha', '', '5', 'Beta', 'été', 'true', '🚀x', 'alpha'"},
        {"nvl(null, 'x')", "'x'"},
        {"nvl(l, 1.5)",
         "5.0, -3.0, 0.0, 9.223372036854776E18, -9.223372036854776E18, 1.5, 7.0, 100.0"},
        {"coalesce(null, null, 3)", "3"},
        {"coalesce(l, d)",
         "5.0, -3.0, 0.0, 9.223372036854776E18, -9.223372036854776E18, NaN, 7.0, 100.0"},
        {"coalesce()", "!Function[coalesce] takes 1 to 255 arguments, not 0"},
        {"case_simple(l, 5, 'five', -3, 'm3', 'other')",
         "'five', 'm3', 'other', 'other', 'other', 'other', 'other', 'other'"},
        {"case_simple(l, 5, 'five')", "'five', null, null, null, null, null, null, null"},
        {"case_searched(l > 0, 'pos', l < 0, 'neg')",
         "'pos', 'neg', null, 'pos', 'neg', null, 'pos', 'pos'"},
        {"case_searched(1, 2)", "2"},
        {"case_simple(1, 2)", "!Function[case_simple] takes 3 to 255 arguments, not 2"},
    };
    CHECK_CASES(cases);
}

static void casts(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"cast('12', 'LONG')", "12"},
        {"cast('12.7', 'LONG')", "12"},
        {"cast('x', 'LONG')", "null"},
        {"cast(12.7, 'LONG')", "12"},
        {"cast(1, 'STRING')", "'1'"},
        {"cast('1.5', 'DOUBLE')", "1.5"},
        {"cast(l, 'ARRAY<STRING>')", "['5'], ['-3'], ['0'], ['9223372036854775807'], "
                                     "['-9223372036854775808'], null, ['7'], ['100']"},
        {"cast(al, 'ARRAY<DOUBLE>')",
         "[0.0,-1.0], [3.0], null, [9.0,null,7.0], [], [15.0,14.0], [18.0,17.0], [21.0]"},
        {"cast(al, 'STRING')", "null, '3', null, null, null, null, null, '21'"},
        {"cast(as, 'ARRAY<LONG>')",
         "[null,null], [null], null, [null,null,null], [], [null,null], [1,20], [null]"},
        {"cast([5], 'LONG')", "5"},
        {"cast([5, 6], 'LONG')", "null"},
        {"cast('a', 'NOPE')", "!Function[cast] does not know the type 'NOPE'"},
        {"cast(null, 'ARRAY<LONG>')", "null"},
        {"cast(m, 'ARRAY<STRING>')",
         "['a','b'], ['x'], null, ['red','','b'], null, ['b','b'], ['1','20'], ['a']"},
    };
    CHECK_CASES(cases);
}

static void arrays(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"array_quantile([3,1,2], 0.5)", "2.0"},
        {"array_quantile([1.0,2.0], 0.25)", "1.25"},
        {"array_quantile([1,null,3], 1)", "3.0"},
        {"array_quantile([1,2], 1.5)", "NaN"},
        {"array_quantile(<LONG>[], 0.5)", "NaN"},
        {"array_quantile(['a'], 0.5)", "null"},
        {"array_quantile(5, 0.5)", "5.0"},
        {"array_quantile(null, 0.5)", "null"},
        {"array_quantile([1], 'x')", "!Function[array_quantile] rank must be a number, a literal"},
        {"array_quantile(al, 0.5)", "-0.5, 3.0, null, 8.0, NaN, 14.5, 17.5, 21.0"},
        {"array(1, 2.5, null)", "[1.0,2.5,null]"},
        {"array('a', 1)", "['a','1']"},
        {"array_length(null)", "null"},
        {"array_length('a')", "1"},
        {"array_offset([1,2], 0)", "1"},
        {"array_offset([1,2], 5)", "null"},
        {"array_offset([1,2], -1)", "null"},
        {"array_ordinal([1,2], 1)", "1"},
        {"array_ordinal([1,2], 0)", "null"},
        {"array_offset_of([1,2,1], 1)", "0"},
        {"array_offset_of([1,2], 3)", "null"},
        {"array_offset_of(null, 3)", "null"},
        {"array_offset_of([1,null], null)", "1"},
        {"array_ordinal_of(['a','b'], 'b')", "2"},
        {"array_contains([1,2,3], [1,3])", "1"},
        {"array_contains([1,2], 5)", "0"},
        {"array_contains(null, 1)", "null"},
        {"array_contains([1,null], null)", "null"},
        {"array_overlap([1,2], [2,3])", "1"},
        {"array_overlap([1], null)", "null"},
        {"array_overlap([null], [null])", "1"},
        {"scalar_in_array(2, [1,2])", "1"},
        {"scalar_in_array(null, [1,2])", "null"},
        {"scalar_in_array(null, [1,null])", "null"},
        {"scalar_in_array(3, [1,null])", "0"},
        {"scalar_in_array('2', [1,2])", "1"},
        {"scalar_in_array(2, null)", "null"},
        {"array_append([1], 2)", "[1,2]"},
        {"array_append([1], 'x')", "[1,null]"},
        {"array_append(null, 2)", "null"},
        {"array_prepend(0, [1])", "[0,1]"},
        {"array_concat([1], [2, 3])", "[1,2,3]"},
        {"array_concat([1], null)", "null"},
        {"array_concat(null, [1])", "null"},
        {"array_set_add([2,1], 1)", "[1,2]"},
        {"array_set_add([2,1], 3)", "[1,2,3]"},
        {"array_set_add(null, 3)", "null"},
        {"array_set_add_all([1,2], [2,3])", "[1,2,3]"},
        {"array_slice([1,2,3], 1)", "[2,3]"},
        {"array_slice([1,2,3], 1, 2)", "[2]"},
        {"array_slice([1,2,3], -1, 2)", "null"},
        {"array_slice([1,2,3], 2, 1)", "null"},
        {"array_slice([1,2,3], 0, 5)", "[1,2,3,null,null]"},
        {"array_to_string([1,2], ',')", "'1,2'"},
        {"array_to_string([1,null], ',')", "'1,null'"},
        {"array_to_string(null, ',')", "null"},
        {"array_to_string([1,2], null)", "'12'"},
        {"string_to_array('a,b', ',')", "['a','b']"},
        {"string_to_array('a||b', '\\\\|')", "['a','','b']"},
        {"string_to_array(null, ',')", "null"},
        {"string_to_array('', ',')", "['']"},
        {"string_to_array('abc', '')", "['a','b','c']"},
        {"map((x) -> x + 1, [1,2])", "[2,3]"},
        {"map((x) -> x, null)", "null"},
        {"map((x) -> concat(x, 'z'), m)",
         "['az','bz'], ['xz'], null, ['redz','z','bz'], null, ['bz','bz'], ['1z','20z'], ['az']"},
        {"map((x) -> x + 1, <LONG>[])", "[]"},
        {"cartesian_map((x, y) -> x * y, [1,2], [3,4])", "[3,4,6,8]"},
        {"filter((x) -> x > 1, [1,2,3])", "[2,3]"},
        {"filter((x) -> x > 9, [1,2,3])", "null"},
        {"fold((x, acc) -> x + acc, [1,2,3], 0)", "6"},
        {"fold((x, acc) -> array_append(acc, x), [1,2], <LONG>[])", "[1,2]"},
        {"fold((x, acc) -> x + acc, null, 0)", "null"},
        {"cartesian_fold((x, y, acc) -> x + y + acc, [1,2], [3,4], 0)", "20"},
        {"any((x) -> x > 2, [1,2,3])", "1"},
        {"any((x) -> x > 2, null)", "0"},
        {"any((x) -> x > 2, <LONG>[])", "0"},
        {"all((x) -> x > 0, [1,2,3])", "1"},
        {"all((x) -> x > 0, <LONG>[])", "1"},
        {"all((x) -> x > 0, null)", "0"},
        {"array_to_mv(['a','b'])", "['a','b']"},
        {"mv_to_array(m)",
         "['a','b'], ['x'], null, ['red','','b'], null, ['b','b'], ['1','20'], ['a']"},
        {"mv_harmonize_nulls(m)",
         "['a','b'], ['x'], [null], ['red','','b'], [null], ['b','b'], ['1','20'], ['a']"},
        {"mv_harmonize_nulls(null)", "[null]"},
    };
    CHECK_CASES(cases);
}

static void complex_values(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"hyper_unique_estimate(hyper_unique())", "0.0"},
        {"hyper_unique_round_estimate(hyper_unique_add('a', hyper_unique()))", "1"},
        {"hyper_unique_round_estimate(hyper_unique_add(1, hyper_unique_add(2.5, "
         "hyper_unique_add('x', hyper_unique()))))",
         "3"},
        {"hyper_unique_round_estimate(hyper_unique_add(null, hyper_unique()))", "0"},
        {"hyper_unique_round_estimate(hyper_unique_add(hyper_unique_add('a', hyper_unique()), "
         "hyper_unique_add('b', hyper_unique())))",
         "2"},
        {"hyper_unique_add('a', 'b')",
         "!Function[hyper_unique_add] requires a hyper-log-log collector as the second argument"},
        {"hyper_unique_estimate(5)", "!Function[hyper_unique_estimate] requires a hyper-log-log "
                                     "collector as input but got LONG instead"},
        {"hyper_unique_round_estimate(complex_decode_base64('hyperUnique', 'AQ=='))",
         "!Function[hyper_unique_round_estimate] got bytes that are no hyperUnique"},
        {"hyper_unique_round_estimate(complex_decode_base64('hyperUnique', 'AQAAAAAAAA=='))", "0"},
        {"complex_decode_base64('hyperUnique', '*')",
         "!Function[complex_decode_base64] second argument must be a base64 encoded STRING value"},
        {"complex_decode_base64('nope', 'AQ==')",
         "!Function[complex_decode_base64] first argument must be a valid COMPLEX type name, got "
         "unknown type [COMPLEX<nope>]"},
        {"decode_base64_complex('hyperUnique', null)", "null"},
        {"bloom_filter_test('a', 'b')", "!Function[bloom_filter_test] is not supported"},
    };
    CHECK_CASES(cases);
}

static void reductions(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"greatest(1, 2.5, 3)", "3.0"},
        {"greatest(1, 'a')", "'a'"},
        {"greatest(null, 2)", "2"},
        {"greatest()", "null"},
        {"greatest(null, null)", "null"},
        {"least('b', 'a')", "'a'"},
        {"least(1, 2.5)", "1.0"},
        {"least(d, 1)", "1.0, -0.0, 0.0, 1.0, -2.25, NaN, 1.0, 1.0"},
    };
    CHECK_CASES(cases);
}

static void times(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"timestamp('2020-01-01')", "1577836800000"},
        {"timestamp('x')", "!Function[timestamp] invalid value x"},
        {"timestamp('2020-01-01 05:00', 'yyyy-MM-dd HH:mm')", "1577854800000"},
        {"unix_timestamp('1970-01-01T00:01:00Z')", "60"},
        {"timestamp_floor('2020-05-17T12:34:56Z', 'P1M')", "null"},
        {"timestamp_floor(t, 'PT1H')",
         "1710028800000, 1710039600000, 1710050400000, 1710064800000, 1710075600000, "
         "1710090000000, 1710100800000, 1710115200000"},
        {"timestamp_floor(null, 'P1D')", "null"},
        {"timestamp_floor(0, 'P1M', null, 'America/New_York')", "-2660400000"},
        {"timestamp_floor(0, 'x')", "!Invalid format: \"x\" is not an ISO 8601 period"},
        {"timestamp_floor(0, 'P1D', 3600000)", "-82800000"},
        {"timestamp_ceil(1, 'P1Y')", "31536000000"},
        {"timestamp_ceil(0, 'P1Y')", "0"},
        {"timestamp_shift(0, 'P1M', -1)", "-2678400000"},
        {"timestamp_shift(0, 'P1D', 9223372036854775807)", "9223372036854775807"},
        {"timestamp_shift(null, 'P1D', 1)", "null"},
        {"timestamp_extract(0, 'EPOCH')", "0"},
        {"timestamp_extract(1234, 'MILLISECOND')", "234"},
        {"timestamp_extract(1234, 'MICROSECOND')", "234000"},
        {"timestamp_extract(1234, 'SECOND')", "1"},
        {"timestamp_extract(0, 'DOW')", "4"},
        {"timestamp_extract(0, 'ISODOW')", "4"},
        {"timestamp_extract(0, 'DOY')", "1"},
        {"timestamp_extract(0, 'WEEK')", "1"},
        {"timestamp_extract(0, 'ISOYEAR')", "1970"},
        {"timestamp_extract(0, 'YEAR', 'America/New_York')", "1969"},
        {"timestamp_extract(0, 'DECADE')", "197"},
        {"timestamp_extract(0, 'CENTURY')", "20.0"},
        {"timestamp_extract(0, 'MILLENNIUM')", "2.0"},
        {"timestamp_extract(0, 'QUARTER')", "1"},
        {"timestamp_extract(9223372036854775807, 'YEAR', 'Asia/Kathmandu')", "292278994"},
        {"timestamp_extract(0, 'nope')", "!Function[timestamp_extract] unit argument must be a "
                                         "literal of EPOCH to MILLENNIUM, not nope"},
        {"timestamp_extract('1970-01-02', 'DAY')", "null"},
        {"timestamp_parse('2020-01-01')", "1577836800000"},
        {"timestamp_parse('2020-01-01 10:00:00')", "1577872800000"},
        {"timestamp_parse('x')", "null"},
        {"timestamp_parse('01/02/2020', 'MM/dd/yyyy')", "1577923200000"},
        {"timestamp_parse('2020-01-01', null, 'America/New_York')", "1577854800000"},
        {"timestamp_parse('')", "null"},
        {"timestamp_format(0)", "'1970-01-01T00:00:00.000Z'"},
        {"timestamp_format(0, 'yyyy')", "'1970'"},
        {"timestamp_format(0, 'yyyy-MM-dd HH:mm', 'Asia/Tokyo')", "'1970-01-01 09:00'"},
        {"timestamp_format(null, 'yyyy')", "null"},
        {"timestamp_format(9223372036854775807, 'yyyy')", "'292278994'"},
        {"subtract_months(0, 1)", "0"},
        {"subtract_months(timestamp('2020-03-31'), 1, 'UTC')", "602"},
    };
    CHECK_CASES(cases);
}

static void addresses(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"ipv4_match('192.168.0.1', '192.168.0.0/16')", "1"},
        {"ipv4_match('x', '192.168.0.0/16')", "0"},
        {"ipv4_match(null, '192.168.0.0/16')", "0"},
        {"ipv4_match(3232235521, '192.168.0.0/16')", "1"},
        {"ipv4_match('1.2.3.4', 'x')", "!Function[ipv4_match] subnet arg has an invalid format: x"},
        {"ipv4_parse('192.168.0.1')", "3232235521"},
        {"ipv4_parse('x')", "null"},
        {"ipv4_parse(3232235521)", "3232235521"},
        {"ipv4_parse(-1)", "null"},
        {"ipv4_parse(null)", "null"},
        {"ipv4_stringify(3232235521)", "'192.168.0.1'"},
        {"ipv4_stringify('192.168.0.1')", "'192.168.0.1'"},
        {"ipv4_stringify('x')", "null"},
        {"ipv4_stringify(null)", "null"},
        {"ipv6_match('75e9:efa4:29c6:85f6::232c', '75e9:efa4:29c6:85f6::/64')", "1"},
        {"ipv6_match('x', '75e9:efa4:29c6:85f6::/64')", "0"},
        {"ipv6_match(null, '75e9:efa4:29c6:85f6::/64')", "0"},
    };
    CHECK_CASES(cases);
}

static void sizes_for_people(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"human_readable_binary_byte_format(1048576)", "'1.00 MiB'"},
        {"human_readable_binary_byte_format(1048576, 3)", "'1.000 MiB'"},
        {"human_readable_binary_byte_format(1048576, 4)",
         "!Function[human_readable_binary_byte_format] given precision[4] must be in the range of "
         "[0,3]"},
        {"human_readable_decimal_byte_format(1000000)", "'1.00 MB'"},
        {"human_readable_decimal_format(1000000)", "'1.00 M'"},
        {"human_readable_decimal_format(null)", "null"},
        {"human_readable_decimal_format(-9223372036854775808)", "'-9.22 E'"},
        {"human_readable_decimal_format(999)", "'999'"},
        {"human_readable_decimal_format(1.5)", "'1'"},
        {"human_readable_decimal_format('5')",
         "!Function[human_readable_decimal_format] needs a number as its first argument"},
    };
    CHECK_CASES(cases);
}

static void json(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"to_json_string(parse_json('{\"a\":1}'))", "'{\"a\":1}'"},
        {"json_value(parse_json('{\"a\":1.5}'), '$.a', 'LONG')", "1"},
        {"json_value(parse_json('{\"a\":\"x\"}'), '$.a', 'LONG')", "null"},
        {"json_value(parse_json('{\"a\":\"12\"}'), '$.a', 'LONG')", "12"},
        {"json_value(parse_json('{\"a\":true}'), '$.a')", "'1'"},
        {"json_value(parse_json('{\"a\":{\"b\":1}}'), '$.a')", "null"},
        {"json_value(parse_json('{\"a\":[1,null,\"x\"]}'), '$.a', 'ARRAY<STRING>')",
         "['1',null,'x']"},
        {"json_value(null, '$.a')", "null"},
        {"json_value('x', '$.a')", "!Function[json_value] first argument must be type "
                                   "[COMPLEX<json>] as input, got [STRING]"},
        {"json_value(parse_json('{\"a\":1}'), 'a')",
         "!JSONPath [a] is invalid, must start with '$'"},
        {"json_query(parse_json('{\"a\":{\"b\":1}}'), '$.a')", "'{\"b\":1}'"},
        {"json_query(parse_json('{\"a\":1}'), '$.b')", "null"},
        {"json_query_array(parse_json('{\"a\":[{\"b\":1},{\"b\":2}]}'), '$.a')",
         "['{\"b\":1}','{\"b\":2}']"},
        {"json_query_array(parse_json('{\"a\":{\"b\":1}}'), '$.a')", "['{\"b\":1}']"},
        {"json_keys(parse_json('{\"a\":1,\"b\":2}'), '$')", "['a','b']"},
        {"json_keys(parse_json('{\"a\":1}'), '$.a')", "null"},
        {"json_keys(parse_json('[1]'), '$')", "null"},
        {"json_paths(parse_json('{\"a\":{\"b\":1},\"c\":[1]}'))", "['$.c','$.a.b']"},
        {"json_object('a', 1, 'b', [1,2])", "'{\"a\":1,\"b\":[1,2]}'"},
        {"json_object('a')", "!Function[json_object] needs a value for each name"},
        {"json_object(1, 2)", "!Function[json_object] field name must be a STRING"},
        {"parse_json('x')", "!Bad string input [x] to [parse_json]"},
        {"parse_json(5)", "'5'"},
        {"parse_json(null)", "null"},
        {"try_parse_json('x')", "null"},
        {"try_parse_json('{\"a\":1}')", "'{\"a\":1}'"},
        {"json_merge('{\"a\":1}', '{\"b\":2}')", "'{\"a\":1,\"b\":2}'"},
        {"json_merge(parse_json('{\"a\":1}'), '{\"a\":2}')", "'{\"a\":2}'"},
        {"json_merge(null, '{}')", "null"},
        {"json_merge('x', '{}')", "!Bad string input [x] to [json_merge]"},
    };
    CHECK_CASES(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_numbers),
        cmocka_unit_test(texts),
        cmocka_unit_test(operators),
        cmocka_unit_test(conditions),
        cmocka_unit_test(casts),
        cmocka_unit_test(arrays),
        cmocka_unit_test(complex_values),
        cmocka_unit_test(reductions),
        cmocka_unit_test(times),
        cmocka_unit_test(addresses),
        cmocka_unit_test(sizes_for_people),
        cmocka_unit_test(json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
