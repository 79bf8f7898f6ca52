/* tests/unit/compute/expr_functions_test.c - what each function means, as tables of (expression,
 * expected), over all vector forms. */
#include "expr_helper.h"
#include "compute/lookup.h"

static void numbers(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"abs(l)", "5, 3, 0, 9223372036854775807, -9223372036854775808, null, 7, 100"},
        {"abs(d)", "1.5, 0.0, 0.0, 1.0E300, 2.25, NaN, null, 3.0"},
        {"abs('5')", "null"},
        {"abs(s)", "null"},
        {"ceil(d)", "2.0, -0.0, 0.0, 1.0E300, -2.0, NaN, null, 3.0"},
        {"floor(d)", "1.0, -0.0, 0.0, 1.0E300, -3.0, NaN, null, 3.0"},
        {"floor(l)",
         "5.0, -3.0, 0.0, 9.223372036854776E18, -9.223372036854776E18, null, 7.0, 100.0"},
        {"rint(2.5)", "2.0"},
        {"rint(3.5)", "4.0"},
        {"round(2.5)", "3.0"},
        {"round(-2.5)", "-3.0"},
        {"round(0.49999999999999994)", "0.0"},
        {"round(1.005, 2)", "1.01"},
        {"round(-992.0625, 1)", "-992.1"},
        {"round(1234567.891, -3)", "1235000.0"},
        {"round(1.0E300, 2)", "1.0E300"},
        {"round(4.9E-324, 3)", "0.0"},
        {"round(0.05, 1)", "0.1"},
        {"round(9.995, 2)", "10.0"},
        {"round(1250, -2)", "1300"},
        {"round(-1250, -2)", "-1300"},
        {"round(l, -1)", "10, 0, 0, -9223372036854775806, 9223372036854775806, null, 10, 100"},
        {"round(5, 3)", "5"},
        {"round(NaN)", "0.0"},
        {"round(Infinity)", "1.7976931348623157E308"},
        {"round('x')", "!first argument should be a LONG or DOUBLE"},
        {"round(1.5, 1.5)", "!second argument should be a LONG"},
        {"sqrt(-1)", "NaN"},
        {"sqrt(16)", "4.0"},
        {"cbrt(27)", "3.0"},
        {"signum(-7)", "-1.0"},
        {"signum(d)", "1.0, -0.0, 0.0, 1.0, -1.0, NaN, null, 1.0"},
        {"pow(2, 10)", "1024.0"},
        {"pow(1, NaN)", "NaN"},
        {"atan2(1, 1)", "0.7853981633974483"},
        {"hypot(3, 4)", "5.0"},
        {"remainder(5, 3)", "-1.0"},
        {"nextUp(1.0)", "1.0000000000000002"},
        {"nextAfter(1.0, 0)", "0.9999999999999999"},
        {"ulp(1.0)", "2.220446049250313E-16"},
        {"getExponent(1024)", "10"},
        {"getExponent(0)", "-1023"},
        {"scalb(1.5, 4)", "24.0"},
        {"copySign(3, -0.0)", "-3.0"},
        {"max(1, 2.5)", "2.5"},
        {"max(3, 7)", "7"},
        {"min(l, 3)", "3, -3, 0, 3, -9223372036854775808, null, 3, 3"},
        {"max('a', 'b')", "null"},
        {"max('3', 2)", "3.0"},
        {"max(NaN, 1)", "NaN"},
        {"toDegrees(toRadians(180))", "180.0"},
        {"pi()", "3.141592653589793"},
        {"div(7, 2)", "3"},
        {"div(-7, 2.0)", "-3"},
        {"div(l, 0)", "!/ by zero"},
        {"div(1.0, 0)", "9223372036854775807"},
        {"safe_divide(l, 0)", "null, null, 0, null, null, null, null, null"},
        {"safe_divide(7, 2)", "3"},
        {"safe_divide(7.0, 2)", "3.5"},
        {"bitwiseAnd(l, 12)", "4, 12, 0, 12, 0, null, 4, 4"},
        {"bitwiseAnd(7.9, 3)", "3"},
        {"bitwiseOr(8, 1)", "9"},
        {"bitwiseXor(5, 1)", "4"},
        {"bitwiseComplement(0)", "-1"},
        {"bitwiseShiftLeft(1, 63)", "-9223372036854775808"},
        {"bitwiseShiftLeft(1, 64)", "1"},
        {"bitwiseShiftRight(-8, 1)", "-4"},
        {"bitwiseConvertDoubleToLongBits(1.0)", "4607182418800017408"},
        {"bitwiseConvertLongBitsToDouble(4607182418800017408)", "1.0"},
        {"bitwiseConvertDoubleToLongBits(NaN)", "9221120237041090560"},
        {"greatest(1, 2.5, null)", "2.5"},
        {"greatest(l, 3, 4)", "5, 4, 4, 9223372036854775807, 4, 4, 7, 100"},
        {"least(s, 'b')", "'alpha', '', 'b', 'Beta', 'b', 'b', 'b', 'alpha'"},
        {"greatest(1, 'a')", "'a'"},
        {"greatest(null, null)", "null"},
        {"least()", "null"},
        {"ABS(-1)", "1"},
        {"Sin(0)", "0.0"},
    };
    CHECK_CASES(cases);
}

static void text(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"strlen(s)", "5, 0, null, 4, 3, 4, 3, 5"},
        {"strlen(12345)", "5"},
        {"upper(s)",
         "'ALPHA', '', null, 'BETA', '\xc3\x89T\xc3\x89', 'TRUE', '\xf0\x9f\x9a\x80X', 'ALPHA'"},
        {"upper('stra\\u00dfe \\ufb00')", "'STRASSE FF'"},
        {"lower('\\u0130STANBUL')", "'i\xcc\x87stanbul'"},
        {"lower('ABCxyz09')", "'abcxyz09'"},
        {"reverse(s)",
         "'ahpla', '', null, 'ateB', '\xc3\xa9t\xc3\xa9', 'eurt', 'x\xf0\x9f\x9a\x80', 'ahpla'"},
        {"reverse(5)", "!needs a STRING"},
        {"substring('hello', 1, 3)", "'ell'"},
        {"substring('hello', 1, -1)", "'ello'"},
        {"substring('hello', 5, 1)", "null"},
        {"substring('hello', 3, 100)", "'lo'"},
        {"substring('hello', 0, 0)", "''"},
        {"substring('hello', -1, 2)", "!begin -1"},
        {"substring(s, 1, 2)", "'lp', null, null, 'et', 't\xc3\xa9', 'ru', '\xef\xbf\xbdx', 'lp'"},
        {"substring('\\ud83d\\ude80x', 0, 1)", "'\xef\xbf\xbd'"},
        {"substring('a\\ud83d\\ude80', 1, 2)", "'\xf0\x9f\x9a\x80'"},
        {"left('hello', 2)", "'he'"},
        {"right('hello', 2)", "'lo'"},
        {"left('hello', 20)", "'hello'"},
        {"right('hello', -1)", "!positive integer"},
        {"left(5, 1)", "!needs a STRING"},
        {"trim('  a b  ')", "'a b'"},
        {"ltrim('xxaxx', 'x')", "'axx'"},
        {"rtrim('xxaxx', 'x')", "'xxa'"},
        {"trim('xyaxy', 'yx')", "'a'"},
        {"trim('\\u00e9a\\u00e9', '\\u00e9')", "'a'"},
        {"trim('xxx', 'x')", "''"},
        {"repeat('ab', 3)", "'ababab'"},
        {"repeat('ab', 0)", "null"},
        {"repeat('abcdefghijklmnopqrstuvwxyz', 1000000)", "!longer than"},
        {"lpad('ab', 5, 'xyz')", "'xyzab'"},
        {"rpad('ab', 6, 'xyz')", "'abxyzx'"},
        {"lpad('hello', 2, 'x')", "'he'"},
        {"lpad('hello', 0, 'x')", "null"},
        {"rpad('ab', 5, '')", "'ab'"},
        {"lpad('a', 2000000000, 'x')", "!longer than"},
        {"replace('banana', 'an', '')", "'ba'"},
        {"replace('abc', 'x', 'y')", "'abc'"},
        {"replace('abc', '', '-')", "'-a-b-c-'"},
        {"replace(s, 'a', 'AA')", "'AAlphAA', '', null, 'BetAA', '\xc3\xa9t\xc3\xa9', 'true', "
                                  "'\xf0\x9f\x9a\x80x', 'AAlphAA'"},
        {"strpos('hello', 'l')", "2"},
        {"strpos('hello', 'l', 3)", "3"},
        {"strpos('hello', 'z')", "-1"},
        {"strpos('hello', '')", "0"},
        {"strpos('hello', '', 9)", "5"},
        {"strpos('hello', 'h', -5)", "0"},
        {"strpos(s, 'x')", "-1, -1, null, -1, -1, -1, 2, -1"},
        {"contains_string(s, 'et')", "0, 0, null, 1, 0, 0, 0, 0"},
        {"icontains_string(s, 'LPH')", "1, 0, null, 0, 0, 0, 0, 1"},
        {"icontains_string(s, '\\u00c9T')", "0, 0, null, 0, 1, 0, 0, 0"},
        {"parse_long('ff', 16)", "255"},
        {"parse_long('0xFF', 16)", "255"},
        {"parse_long('-9223372036854775808')", "-9223372036854775808"},
        {"parse_long('9223372036854775808')", "null"},
        {"parse_long(n)", "5, null, null, 9223372036854775807, null, null, 10, 9"},
        {"parse_long('+7')", "7"},
        {"parse_long('')", "null"},
        {"parse_long('12', 99)", "null"},
        {"concat(upper(m), '!')", "['A!','B!'], ['X!'], [null], ['RED!','!','B!'], [null], "
                                  "['B!','B!'], ['1!','20!'], ['A!']"},
        {"strlen(m)", "[1,1], [1], [null], [3,0,1], [null], [1,1], [1,2], [1]"},
    };
    CHECK_CASES(cases);
}

static void arrays(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"array(1, 2.5)", "[1.0,2.5]"},
        {"array('a', 1, null)", "['a','1',null]"},
        {"array(l, 0)", "[5,0], [-3,0], [0,0], [9223372036854775807,0], [-9223372036854775808,0], "
                        "[null,0], [7,0], [100,0]"},
        {"array([1])", "!array of arrays"},
        {"array_length(al)", "2, 1, null, 3, 0, 2, 2, 1"},
        {"array_length(m)", "2, 1, null, 3, null, 2, 2, 1"},
        {"array_length(l)", "1, 1, 1, 1, 1, null, 1, 1"},
        {"array_offset(al, 1)", "-1, null, null, null, null, 14, 17, null"},
        {"array_ordinal(al, 1)", "0, 3, null, 9, null, 15, 18, 21"},
        {"array_offset(al, -1)", "null"},
        {"array_offset(m, 0)", "'a', 'x', null, 'red', null, 'b', '1', 'a'"},
        {"array_contains(m, 'b')", "1, 0, null, 1, null, 1, 0, 0"},
        {"array_contains(al, [0, -1])", "1, 0, null, 0, 0, 0, 0, 0"},
        {"array_contains([1, 2], '2')", "1"},
        {"array_contains(al, [])", "1, 1, null, 1, 1, 1, 1, 1"},
        {"array_overlap(as, ['a', 'x'])", "1, 1, null, 0, 0, 0, 0, 1"},
        {"scalar_in_array(l, [5, 7])", "1, 0, 0, 0, 0, null, 1, 0"},
        {"array_offset_of(as, 'b')", "1, null, null, 2, null, 0, null, null"},
        {"array_ordinal_of(as, 'b')", "2, null, null, 3, null, 1, null, null"},
        {"array_append(al, 9)",
         "[0,-1,9], [3,9], null, [9,null,7,9], [9], [15,14,9], [18,17,9], [21,9]"},
        {"array_prepend('p', m)", "['p','a','b'], ['p','x'], null, ['p','red','','b'], null, "
                                  "['p','b','b'], ['p','1','20'], ['p','a']"},
        {"array_append(al, null)", "[0,-1,null], [3,null], null, [9,null,7,null], [null], "
                                   "[15,14,null], [18,17,null], [21,null]"},
        {"array_concat(al, [1])",
         "[0,-1,1], [3,1], null, [9,null,7,1], [1], [15,14,1], [18,17,1], [21,1]"},
        {"array_set_add(al, 7)",
         "[-1,0,7], [3,7], null, [null,7,9], [7], [7,14,15], [7,17,18], [7,21]"},
        {"array_set_add_all(as, ['b', 'a'])",
         "['a','b'], ['a','b','x'], null, ['','a','b','red'], ['a','b'], ['a','b'], "
         "['1','20','a','b'], ['a','b']"},
        {"array_slice(al, 1, 3)",
         "[-1,null], [null,null], null, [null,7], null, [14,null], [17,null], [null,null]"},
        {"array_slice(al, 1)", "[-1], [], null, [null,7], null, [14], [17], []"},
        {"array_slice(al, -1, 3)", "null"},
        {"array_to_string(as, '|')", "'a|b', 'x', null, 'red||b', '', 'b|b', '1|20', 'a'"},
        {"array_to_string([1, null], ',')", "'1,null'"},
        {"array_to_string(array(null), ',')", "null"},
        {"array_to_string([1.5, 2.0], '')", "'1.52.0'"},
        {"mv_to_array(m)",
         "['a','b'], ['x'], null, ['red','','b'], null, ['b','b'], ['1','20'], ['a']"},
        {"mv_harmonize_nulls(m)",
         "['a','b'], ['x'], [null], ['red','','b'], [null], ['b','b'], ['1','20'], ['a']"},
        {"array_to_mv(al)",
         "['0','-1'], ['3'], null, ['9',null,'7'], [], ['15','14'], ['18','17'], ['21']"},
        {"cast(m, 'ARRAY<LONG>')",
         "[null,null], [null], null, [null,null,null], null, [null,null], [1,20], [null]"},
        {"array_length(array_concat(m, m)) + 1", "5, 3, null, 7, null, 5, 5, 3"},
        {"nvl(al, [1, 2])", "[0,-1], [3], [1,2], [9,null,7], [], [15,14], [18,17], [21]"},
    };
    CHECK_CASES(cases);
}

static void lambdas(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"map((x) -> x * 2, al)", "[0,-2], [6], null, [18,null,14], [], [30,28], [36,34], [42]"},
        {"map((x) -> upper(x), m)",
         "['A','B'], ['X'], null, ['RED','','B'], null, ['B','B'], ['1','20'], ['A']"},
        {"map(x -> x + l, al)",
         "[5,4], [0], null, [-9223372036854775800,null,-9223372036854775802], [], [null,null], "
         "[25,24], [121]"},
        {"map((l) -> l, al)", "[0,-1], [3], null, [9,null,7], [], [15,14], [18,17], [21]"},
        {"map(() -> 1, al)", "!0"},
        {"cartesian_map((x, y) -> x + y, [1, 2], [10, 20])", "[11,21,12,22]"},
        {"cartesian_map((x, y) -> concat(x, y), as, ['1', '2'])",
         "['a1','a2','b1','b2'], ['x1','x2'], null, ['red1','red2','1','2','b1','b2'], [], "
         "['b1','b2','b1','b2'], ['11','12','201','202'], "
         "['a1','a2']"},
        {"filter((x) -> x > 10, al)", "null, null, null, null, null, [15,14], [18,17], [21]"},
        {"filter((x) -> x > 'a', m)",
         "['b'], ['x'], null, ['red','b'], null, ['b','b'], null, null"},
        {"any((x) -> x > 10, al)", "0, 0, 0, 0, 0, 1, 1, 1"},
        {"all((x) -> x > 10, al)", "0, 0, 0, 0, 1, 1, 1, 1"},
        {"fold((x, acc) -> acc + x, al, 0)", "-1, 3, null, null, 0, 29, 35, 21"},
        {"fold((x, acc) -> acc + x, [1, 2, 3], 0.5)", "6.5"},
        {"fold((x, acc) -> concat(acc, x), as, '>')",
         "'>ab', '>x', null, '>redb', '>', '>bb', '>120', '>a'"},
        {"fold((x, acc) -> acc * 1.5, [1, 2], 4)", "9.0"},
        {"fold((x, acc) -> array_prepend(x, acc), al, <LONG>[])",
         "[-1,0], [3], null, [7,null,9], [], [14,15], [17,18], [21]"},
        {"cartesian_fold((x, y, acc) -> acc + x * y, [1, 2], [3, 4], 0)", "21"},
        {"map((x) -> array_length(filter((y) -> y < x, al)), al)",
         "[1,null], [null], null, [1,null,null], [], [1,null], [1,null], [null]"},
        {"map((x) -> 10 / x, [1, 0])", "!/ by zero"},
        {"if(0, map((x) -> 10 / x, [1, 0]), [1])", "[1]"},
        {"map((x) -> array(x), [1])", "!array of arrays"},
        {"map(al)", "!Function[map]"},
        {"map(1, al)", "!needs a lambda"},
        {"map((x, y) -> x, al)", "!needs a lambda with 1 parameters, not 2"},
    };
    CHECK_CASES(cases);
}

static void times(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"timestamp_floor(t, 'PT1H')",
         "1710028800000, 1710039600000, 1710050400000, 1710064800000, 1710075600000, "
         "1710090000000, 1710100800000, 1710115200000"},
        {"timestamp_floor(1710061567000, 'P1D', null, 'America/New_York')", "1710046800000"},
        {"timestamp_floor(1710061567000, 'P1M')", "1709251200000"},
        {"timestamp_floor(1710061567000, 'PT4H', 1710032400000)", "1710061200000"},
        {"timestamp_floor(1710061567000, 'PT4H', '2024-03-10T01:00:00')", "1710061200000"},
        {"timestamp_ceil(1710061567000, 'PT1H')", "1710064800000"},
        {"timestamp_ceil(1710064800000, 'PT1H')", "1710064800000"},
        {"timestamp_floor(t, 'nope')", "!nope"},
        {"timestamp_floor(t, s)", "!period argument must be a literal"},
        {"timestamp_floor(null, 'PT1H')", "null"},
        {"timestamp_shift(1709164800000, 'P1M', 1)", "1711670400000"},
        {"timestamp_shift(1709996400000, 'P1D', 1, 'America/New_York')", "1710079200000"},
        {"timestamp_shift(0, 'PT1H', l)", "18000000, -10800000, 0, 9223372036854775807, "
                                          "-9223372036854775808, null, 25200000, 360000000"},
        {"timestamp_extract(1704067199999, 'EPOCH')", "1704067199"},
        {"timestamp_extract(1704067199999, 'MILLISECOND')", "999"},
        {"timestamp_extract(1704067199999, 'year')", "2023"},
        {"timestamp_extract(1704067199999, 'MONTH')", "12"},
        {"timestamp_extract(1704067199999, 'DAY')", "31"},
        {"timestamp_extract(1704067199999, 'DOW')", "7"},
        {"timestamp_extract(1704067199999, 'DOY')", "365"},
        {"timestamp_extract(1704067199999, 'WEEK')", "52"},
        {"timestamp_extract(1704067200000, 'WEEK')", "1"},
        {"timestamp_extract(1704067199999, 'QUARTER')", "4"},
        {"timestamp_extract(1704067199999, 'HOUR', 'America/New_York')", "18"},
        {"timestamp_extract(1704067199999, 'CENTURY')", "21.0"},
        {"timestamp_extract(1704067199999, 'DECADE')", "202"},
        {"timestamp_extract(1704067199999, 'MILLENNIUM')", "3.0"},
        {"timestamp_extract(-1, 'HOUR')", "23"},
        {"timestamp_extract(t, 'ERA')", "!not ERA"},
        {"timestamp_parse('2024-03-10 05:06:07', 'yyyy-MM-dd HH:mm:ss')", "1710047167000"},
        {"timestamp_parse('2024-03-10T05:06:07', null, 'America/New_York')", "1710061567000"},
        {"timestamp_parse('2024-03-10 05:06:07')", "1710047167000"},
        {"timestamp_parse('2024-03-10T05:06:07+02:00', null, 'America/New_York')", "1710039967000"},
        {"timestamp_parse('bad')", "null"},
        {"timestamp_parse('2024-03-10')", "1710028800000"},
        {"timestamp_parse(n)",
         "-62009366400000, null, null, null, null, null, -61851600000000, -61883136000000"},
        {"timestamp('2024-01-02')", "1704153600000"},
        {"timestamp('2024-01-02T03:04:05+02:00')", "1704157445000"},
        {"timestamp('02/01/2024', 'dd/MM/yyyy')", "1704153600000"},
        {"unix_timestamp('2024-01-02')", "1704153600"},
        {"timestamp('bad')", "!invalid value bad"},
        {"timestamp(5)", "!first argument should be a STRING"},
        {"timestamp_format(1710061567000)", "'2024-03-10T09:06:07.000Z'"},
        {"timestamp_format(1710061567000, null, 'America/New_York')",
         "'2024-03-10T05:06:07.000-04:00'"},
        {"timestamp_format(1710061567000, 'yyyy/MM/dd EEE', 'Europe/Paris')", "'2024/03/10 Sun'"},
        {"timestamp_format(l, 'yyyy')",
         "'1970', '1969', '1970', '292278994', '-292275055', null, '1970', '1970'"},
        {"subtract_months(1711929600000, 1709164800000, 'UTC')", "1"},
        {"subtract_months(1709164800000, 1711929600000, 'UTC')", "-1"},
        {"subtract_months(1709164800000, 1706659200000, 'UTC')", "1"},
        {"timestamp_extract(cast(null, 'LONG'), 'HOUR')", "null"},
    };
    CHECK_CASES(cases);
}

static void patterns(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"regexp_extract('k00042', 'k0*(\\\\d+)', 1)", "'42'"},
        {"regexp_extract(s, '^.')",
         "'a', null, null, 'B', '\xc3\xa9', 't', '\xf0\x9f\x9a\x80', 'a'"},
        {"regexp_extract('abc', 'q')", "null"},
        {"regexp_extract('abc', '(x)?b', 1)", "null"},
        {"regexp_extract('abc', 'b', 2)", "!No group 2"},
        {"regexp_extract('abc', '(', 0)", "!does not compile"},
        {"regexp_like(s, '^[ab]')", "1, 0, null, 0, 0, 0, 0, 1"},
        {"regexp_like(s, null)", "null"},
        {"regexp_like('caf\\u00e9', '^\\\\p{Alpha}+\\u00e9$')", "1"},
        {"regexp_like('\\u00e9', '\\\\u00e9')", "1"},
        {"regexp_like('a\\nb', 'a.b')", "0"},
        {"regexp_replace(s, '[aeiou]', '_')",
         "'_lph_', '', null, 'B_t_', '\xc3\xa9t\xc3\xa9', 'tr__', '\xf0\x9f\x9a\x80x', '_lph_'"},
        {"regexp_replace('k1k2', 'k(\\\\d)', '$1-')", "'1-2-'"},
        {"regexp_replace('abc', '', '-')", "'-a-b-c-'"},
        {"regexp_replace('abc', 'x*', '-')", "'-a-b-c-'"},
        {"regexp_replace('ab', '(?<first>a)', '${first}\\\\$')", "'a$b'"},
        {"regexp_replace('ab', 'a', '$5')", "!No group 5"},
        {"regexp_replace(s, s, 'x')", "'x', 'x', null, 'x', 'x', 'x', 'x', 'x'"},
        {"regexp_like('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab', '^(a+)+$')",
         "!takes too long"},
        {"string_to_array('a,b,c', ',')", "['a','b','c']"},
        {"string_to_array('a,,b,,', ',')", "['a','','b']"},
        {"string_to_array('', ',')", "['']"},
        {"string_to_array('abc', '')", "['a','b','c']"},
        {"string_to_array('a1b22c', '[0-9]+')", "['a','b','c']"},
        {"string_to_array(s, 'a')", "['','lph'], [''], null, ['Bet'], ['\xc3\xa9t\xc3\xa9'], "
                                    "['true'], ['\xf0\x9f\x9a\x80x'], ['','lph']"},
        {"string_to_array(',', ',')", "[]"},
        {"like(s, 'a%')", "1, 0, null, 0, 0, 0, 0, 1"},
        {"like(s, '%a')", "1, 0, null, 1, 0, 0, 0, 1"},
        {"like(s, '%')", "1, 1, null, 1, 1, 1, 1, 1"},
        {"like(s, '_t_')", "0, 0, null, 0, 1, 0, 0, 0"},
        {"like(s, '_x')", "0, 0, null, 0, 0, 0, 1, 0"},
        {"like('a%b', 'a!%b', '!')", "1"},
        {"like('axb', 'a!%b', '!')", "0"},
        {"like('abcabd', '%ab_')", "1"},
        {"like('abcabd', '%ab_%c')", "0"},
        {"like('aab', 'a%ab')", "1"},
        {"like('', '_%')", "0"},
        {"like('ab', '%_%_')", "1"},
        {"like('ab', 'a_%_')", "0"},
        {"like(s, s)", "!pattern must be a string literal"},
    };
    CHECK_CASES(cases);
}

static void addresses(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"ipv4_match('10.1.2.3', '10.0.0.0/8')", "1"},
        {"ipv4_match('11.1.2.3', '10.0.0.0/8')", "0"},
        {"ipv4_match(167838211, '10.0.0.0/8')", "1"},
        {"ipv4_match('nope', '10.0.0.0/8')", "0"},
        {"ipv4_match(null, '10.0.0.0/8')", "0"},
        {"ipv4_match('1.2.3.4', '0.0.0.0/0')", "1"},
        {"ipv4_match('1.2.3.4', '1.2.3.5/31')", "1"},
        {"ipv4_match('1.2.3.6', '1.2.3.5/31')", "0"},
        {"ipv4_match('1.2.3.4', '1.2.3.4/33')", "!invalid format"},
        {"ipv4_match(s, s)", "!subnet argument must be a string literal"},
        {"ipv4_parse('1.2.3.4')", "16909060"},
        {"ipv4_parse('1.2.3.256')", "null"},
        {"ipv4_parse('1.2.3')", "null"},
        {"ipv4_parse(l)", "5, null, 0, null, null, null, 7, 100"},
        {"ipv4_stringify(16909060)", "'1.2.3.4'"},
        {"ipv4_stringify('1.2.3.4')", "'1.2.3.4'"},
        {"ipv4_stringify(-1)", "null"},
        {"ipv6_match('2001:db8::1', '2001:db8::/32')", "1"},
        {"ipv6_match('2001:db9::1', '2001:db8::/32')", "0"},
        {"ipv6_match('1.2.3.4', '2001:db8::/32')", "0"},
    };
    CHECK_CASES(cases);
}

static void formats(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"format('%s-%05d', s, l)",
         "'alpha-00005', '--0003', 'null-00000', 'Beta-9223372036854775807', "
         "'\xc3\xa9t\xc3\xa9--9223372036854775808', 'true- null', "
         "'\xf0\x9f\x9a\x80x-00007', 'alpha-00100'"},
        {"format('%.2f', 0.125)", "'0.13'"},
        {"format('%.2f', d - 1.0E300 * (d > 1000))",
         "'1.50', '-0.00', '0.00', '0.00', '-2.25', 'NaN', 'nu', '3.00'"},
        {"format('%8.3f|', -1.5)", "'  -1.500|'"},
        {"format('%08.3f', 7889.21875)", "'7889.219'"},
        {"format('%,d', 1234567)", "'1,234,567'"},
        {"format('%(d', -5)", "'(5)'"},
        {"format('%+d', 5)", "'+5'"},
        {"format('%x %X %o', 255, 255, 8)", "'ff FF 10'"},
        {"format('%x', -1)", "'ffffffffffffffff'"},
        {"format('%e', 12345.678)", "'1.234568e+04'"},
        {"format('%-6s|', 'ab')", "'ab    |'"},
        {"format('%.2s', 'hello')", "'he'"},
        {"format('%2$s %1$s', 'a', 'b')", "'b a'"},
        {"format('100%%')", "'100%'"},
        {"format('%S', 'abc')", "'ABC'"},
        {"format('%b', null)", "'false'"},
        {"format('%d', 'x')", "'%d; x'"},
        {"format('%s')", "'%s'"},
        {"format('%q', 1)", "'%q; 1'"},
        {"format(null, 1)", "null"},
        {"human_readable_binary_byte_format(1048576)", "'1.00 MiB'"},
        {"human_readable_binary_byte_format(1048576, 3)", "'1.000 MiB'"},
        {"human_readable_binary_byte_format(1)", "'1 B'"},
        {"human_readable_decimal_byte_format(1000000)", "'1.00 MB'"},
        {"human_readable_decimal_format(123456789, 1)", "'123.5 M'"},
        {"human_readable_decimal_format(-999)", "'-999'"},
        {"human_readable_decimal_format(-9223372036854775808)", "'-9.22 E'"},
        {"human_readable_binary_byte_format(-9223372036854775808)", "'-8.00 EiB'"},
        {"human_readable_decimal_format(1, 4)", "!must be in the range"},
        {"decode_base64_utf8('aGVsbG8=')", "'hello'"},
        {"decode_base64_utf8('!')", "!no base64"},
    };
    CHECK_CASES(cases);
}

static void json(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"json_value(j, '$.kind')", "'\"buy\"', '\"view\"', null, null, null, null, null, null"},
        {"json_value(j, '$.kind', 'STRING')", "'buy', 'view', null, null, null, null, null, null"},
        {"json_value(j, '$.n', 'LONG')", "-85, 1, null, null, null, null, 12, 9223372036854775807"},
        {"json_value(j, '$.n', 'DOUBLE')",
         "-85.0, 1.5, null, null, null, null, 12.0, 9.223372036854776E18"},
        {"json_value(j, '$.n') + 1",
         "-84.0, 2.5, null, null, null, null, 13.0, 9.223372036854776E18"},
        {"json_value(j, '$.n', 'LONG') > 5", "0, 0, null, null, null, null, 1, 1"},
        {"json_value(j, '$.user.tags[1]', 'STRING')",
         "null, 'b', null, null, null, null, null, null"},
        {"json_value(j, '$.user.tags[-1]', 'STRING')",
         "null, 'b', null, null, null, null, null, null"},
        {"json_value(j, '$.user.tags', 'ARRAY<STRING>')",
         "null, ['a','b'], null, null, null, null, null, null"},
        {"json_value(j, '$', 'STRING')", "null, null, null, null, 't\xc3\xa9xt', null, null, null"},
        {"json_value(j, '$.user')", "null"},
        {"json_value(j, '$.f', 'LONG')", "null, null, null, null, null, null, 1, null"},
        {"json_value(j, '$[\\'a.b\\']', 'DOUBLE')",
         "null, null, null, null, null, null, 100.0, null"},
        {"json_value(j, '$[1].x[0]', 'LONG')", "null, null, null, 2, null, null, null, null"},
        {"json_value(j, 'kind')", "!must start with '$'"},
        {"json_value(s, '$.a')", "!must be type [COMPLEX<json>]"},
        {"json_query(j, '$.user')",
         "null, '{\"id\":28,\"tags\":[\"a\",\"b\"]}', null, null, null, null, null, null"},
        {"json_query_array(j, '$.user')",
         "null, ['{\"id\":28,\"tags\":[\"a\",\"b\"]}'], null, null, null, null, null, null"},
        {"json_keys(j, '$')",
         "['kind','n'], ['kind','n','user'], null, null, null, [], ['n','f','nul','a.b'], ['n']"},
        {"json_keys(j, '$.user')", "null, ['id','tags'], null, null, null, null, null, null"},
        {"json_paths(j)", "['$.kind','$.n'], ['$.kind','$.user.tags','$.user.id','$.n'], ['$'], "
                          "['$[2]','$[1].x','$[0]'], ['$'], [], "
                          "['$.nul','$['a.b']','$.f','$.n'], ['$.n']"},
        {"to_json_string(j)",
         "'{\"kind\":\"buy\",\"n\":-85}', "
         "'{\"kind\":\"view\",\"n\":1.5,\"user\":{\"id\":28,\"tags\":[\"a\",\"b\"]}}', null, "
         "'[1,{\"x\":[2]},null]', '\"t\xc3\xa9xt\"', '{}', "
         "'{\"n\":\"12\",\"f\":true,\"nul\":null,\"a.b\":100.0}', "
         "'{\"n\":9223372036854775807}'"},
        {"to_json_string(al)",
         "'[0,-1]', '[3]', null, '[9,null,7]', '[]', '[15,14]', '[18,17]', '[21]'"},
        {"to_json_string('a\"b')", "'\"a\\\"b\"'"},
        {"json_object('a', l, 'b', s)",
         "'{\"a\":5,\"b\":\"alpha\"}', '{\"a\":-3,\"b\":\"\"}', '{\"a\":0,\"b\":null}', "
         "'{\"a\":9223372036854775807,\"b\":\"Beta\"}', "
         "'{\"a\":-9223372036854775808,\"b\":\"\xc3\xa9t\xc3\xa9\"}', "
         "'{\"a\":null,\"b\":\"true\"}', '{\"a\":7,\"b\":\"\xf0\x9f\x9a\x80x\"}', "
         "'{\"a\":100,\"b\":\"alpha\"}'"},
        {"json_object()", "'{}'"},
        {"json_object('a')", "!a value for each name"},
        {"json_object(1, 2)", "!field name must be a STRING"},
        {"to_json_string(parse_json('{\"a\":[1, 2]}'))", "'{\"a\":[1,2]}'"},
        {"parse_json('bad')", "!Bad string input [bad]"},
        {"try_parse_json('bad')", "null"},
        {"try_parse_json('{\"a\":')", "null"},
        {"parse_json('null')", "null"},
        {"json_value(parse_json('[[[1]]]'), '$[0][0][0]', 'LONG')", "1"},
        {"json_merge('{\"a\":1,\"o\":{\"x\":1}}', '{\"b\":2,\"o\":{\"y\":2},\"a\":3}')",
         "'{\"a\":3,\"o\":{\"x\":1,\"y\":2},\"b\":2}'"},
        {"concat(json_value(j, '$.kind'), '!')",
         "'buy!', 'view!', null, null, null, null, null, null"},
    };
    CHECK_CASES(cases);
}

static void lookups(void **state)
{
    (void)state;
    weir_str keys[] = {WEIR_STR("alpha"), WEIR_STR("Beta"), WEIR_STR("n")},
             values[] = {WEIR_STR("A"), WEIR_STR("B"), {0}};
    weir_lookup_register(WEIR_STR("greek"), weir_lookup_new(keys, values, 3));
    static const expr_case cases[] = {
        {"lookup(s, 'greek')", "'A', null, null, 'B', null, null, null, 'A'"},
        {"lookup(s, 'greek', 'none')", "'A', 'none', 'none', 'B', 'none', 'none', 'none', 'A'"},
        {"lookup('alpha', 'greek')", "'A'"},
        {"lookup('n', 'greek', 'none')", "'none'"},
        {"lookup(m, 'greek', '-')",
         "['-','-'], ['-'], ['-'], ['-','-','-'], ['-'], ['-','-'], ['-','-'], ['-']"},
        {"lookup(s, 'nope')", "!Lookup [nope] not found"},
        {"lookup(s, s)", "!registered lookup name"},
    };
    CHECK_CASES(cases);
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    const weir_expr *keep = weir_expr_parse(arena, WEIR_STR("lookup('alpha', 'greek')"), &err);
    weir_shape none = {0};
    weir_lookup_register(WEIR_STR("greek"), NULL);
    assert_null(weir_lookup_find(WEIR_STR("greek")));
    assert_null(weir_program_new(arena, &keep, 1, &none, 0, &err));
    weir_arena_free(arena);
}

/* What a program of `expr` says of 'alpha'; NULL: it could not be made. */
static weir_str run_constant(weir_arena *arena, const weir_expr *expr)
{
    weir_error err = {0};
    weir_shape none = {0};
    weir_scratch scratch = {0};
    weir_run run = {.scratch = &scratch, .err = &err};
    weir_sel all = {.kind = WEIR_SEL_ALL, .count = 1};
    weir_vec out;
    const weir_program *program = weir_program_new(arena, &expr, 1, &none, 0, &err);
    weir_str value = {0};
    if (program && weir_program_run(program, &run, NULL, &all, 1, &out)) {
        value = weir_arena_str(arena, out.at.s[0]);
    }
    weir_scratch_done(&scratch);
    return value;
}

static void a_pinned_lookup_keeps_its_version_until_the_arena_goes(void **state)
{
    (void)state;
    weir_str name = WEIR_STR("letters"), key = WEIR_STR("alpha"), one = WEIR_STR("1"),
             two = WEIR_STR("2");
    weir_lookup_register(name, weir_lookup_new(&key, &one, 1));
    weir_arena *before = weir_arena_new(), *after = weir_arena_new();
    weir_error err = {0};
    weir_str text = WEIR_STR("concat(lookup('alpha', 'letters'), LOOKUP('x', 'letters', '-'))");
    const weir_expr *plain = weir_expr_parse(before, text, &err);
    const weir_expr *first = weir_lookups_pin(before, plain);
    assert_ptr_not_equal(first, plain);
    uint64_t uid = weir_lookup_uid(weir_lookup_pinned(before, name));
    weir_lookup_register(name, weir_lookup_new(&key, &two, 1));
    const weir_expr *second = weir_lookups_pin(
        after, weir_expr_parse(after, WEIR_STR("lookup('alpha', 'letters')"), &err));
    assert_true(weir_lookup_uid(weir_lookup_pinned(before, name)) == uid);
    assert_true(weir_lookup_uid(weir_lookup_pinned(after, name)) > uid);
    assert_true(weir_str_is(run_constant(before, first), "1-"));
    assert_true(weir_str_is(run_constant(after, second), "2"));
    weir_lookup_register(name, NULL);
    assert_true(weir_str_is(run_constant(before, first), "1-"));
    const weir_expr *unknown = weir_expr_parse(after, WEIR_STR("lookup('a', 'gone')"), &err);
    assert_ptr_equal(weir_lookups_pin(after, unknown), unknown);
    weir_arena_free(before);
    assert_null(weir_lookup_find_pinned(uid));
    weir_arena_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(text),
        cmocka_unit_test(arrays),
        cmocka_unit_test(lambdas),
        cmocka_unit_test(times),
        cmocka_unit_test(patterns),
        cmocka_unit_test(addresses),
        cmocka_unit_test(formats),
        cmocka_unit_test(json),
        cmocka_unit_test(lookups),
        cmocka_unit_test(a_pinned_lookup_keeps_its_version_until_the_arena_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
