"""pydruid's native client, unmodified: its queries' answers against the same computed row by row. usage: with_pydruid.py URL"""
import collections, sys, urllib.error, urllib.request  # pydruid 0.6.9 needs both imported by its user
from pydruid.client import PyDruid
from pydruid.utils.aggregators import cardinality, count, doublesum, filtered, longmax, longsum, quantilesDoublesSketch, thetasketch
from pydruid.utils.dimensions import DimensionSpec, ListFilteredSpec, MapLookupExtraction, RegexExtraction, TimeFormatExtraction
from pydruid.utils.filters import Bound, Dimension, Filter
from pydruid.utils.having import Aggregation
from pydruid.utils.postaggregator import Const, Field, QuantilesDoublesSketchToQuantile, ThetaSketch, ThetaSketchEstimate
from rows import BEGIN, DAYS, iso, rows

ROWS, SPAN, DAY = rows(), "2026-03-01/2026-03-11", 86400000
CHECKS = []
def check(f): CHECKS.append(f); return f
def same(got, wanted): assert got == wanted, "\n    got    %s\n    wanted %s" % (str(got)[:600], str(wanted)[:600])
def total(rows, column): return sum(r[column] or 0 for r in rows)

@check
def a_timeseries_by_day_with_post_aggregators(c):
    got = c.timeseries(datasource="sales", granularity="day", intervals=SPAN, aggregations={"n": count("x"), "units": longsum("units")},
                       post_aggregations={"mean": Field("units") / Field("n"), "twice": Field("n") * Const(2)}).result
    wanted = []
    for d in range(DAYS):
        day = [r for r in ROWS if (r["t"] - BEGIN) // DAY == d]
        wanted.append({"timestamp": iso(BEGIN + d * DAY), "result": {"n": len(day), "units": total(day, "units"), "mean": total(day, "units") / len(day), "twice": 2.0 * len(day)}})
    same(got, wanted)

@check
def a_filtered_timeseries(c):
    f = (Dimension("country") == "Italy") & ~(Dimension("product") == "p00") & Bound("units", 2, 5, ordering="numeric")
    got = c.timeseries(datasource="sales", granularity="all", intervals=SPAN, filter=f, aggregations={"n": count("x"), "price": doublesum("price")}).result[0]["result"]
    hit = [r for r in ROWS if r["country"] == "Italy" and r["product"] != "p00" and r["units"] in (2, 5)]
    same(got, {"n": len(hit), "price": sum(r["price"] for r in hit)})

@check
def filters_of_every_kind_that_it_can_send(c):
    cases = [(Filter(type="in", dimension="country", values=["Italy", "Norway"]), lambda r: r["country"] in ("Italy", "Norway")),
             (Filter(type="regex", dimension="product", pattern="^p0[1-3]$"), lambda r: r["product"] in ("p01", "p02", "p03")),
             (Filter(type="search", dimension="country", value="AN"), lambda r: r["country"] and "an" in r["country"].lower()),
             (Filter(type="like", dimension="product", pattern="p_5"), lambda r: r["product"].endswith("5")),
             (Dimension("country") == None, lambda r: r["country"] is None),
             (Filter(type="interval", dimension="__time", intervals=["2026-03-02/2026-03-03"]), lambda r: (r["t"] - BEGIN) // DAY == 1),
             (Filter(type="columnComparison", dimensions=["product", "product"]), lambda r: True),
             ((Dimension("country") == "Italy") | (Dimension("tags") == "sale"), lambda r: r["country"] == "Italy" or "sale" in (r["tags"] or []))]
    for f, hit in cases:
        got = c.timeseries(datasource="sales", granularity="all", intervals=SPAN, filter=f, aggregations={"n": count("x")}).result
        same(got[0]["result"]["n"], sum(1 for r in ROWS if hit(r)))

@check
def a_top_n_is_exact(c):
    got = c.topn(datasource="sales", granularity="all", intervals=SPAN, dimension="product", metric="units", threshold=5, aggregations={"units": longsum("units"), "n": count("x")}).result[0]["result"]
    groups = collections.defaultdict(list)
    for r in ROWS: groups[r["product"]].append(r)
    best = sorted(groups.items(), key=lambda g: (-total(g[1], "units"), g[0]))[:5]
    same(got, [{"product": k, "units": total(g, "units"), "n": len(g)} for k, g in best])

@check
def a_group_by_with_having_and_limit(c):
    got = c.groupby(datasource="sales", granularity="all", intervals=SPAN, dimensions=["country", "product"], aggregations={"n": count("x"), "max": longmax("units")}, having=Aggregation("n") > 60,
                    limit_spec={"type": "default", "limit": 7, "columns": [{"dimension": "n", "direction": "descending"}, "country", "product"]}).result
    groups = collections.defaultdict(list)
    for r in ROWS: groups[r["country"], r["product"]].append(r)
    big = sorted(((k, g) for k, g in groups.items() if len(g) > 60), key=lambda g: (-len(g[1]), g[0][0] or "", g[0][1]))[:7]
    same([e["event"] for e in got], [{"country": k[0], "product": k[1], "n": len(g), "max": max((r["units"] for r in g if r["units"] is not None), default=None)} for k, g in big])

@check
def dimension_specs_with_extraction_functions(c):
    dims = [DimensionSpec("product", "decade", extraction_function=RegexExtraction("p([0-9])")), DimensionSpec("__time", "dow", extraction_function=TimeFormatExtraction("e", "en", "UTC"))]
    got = c.groupby(datasource="sales", granularity="all", intervals=SPAN, dimensions=dims, aggregations={"n": count("x")}).result
    wanted = collections.Counter((r["product"][1], str(((r["t"] - BEGIN) // DAY + 6) % 7 + 1)) for r in ROWS)
    same({(e["event"]["decade"], e["event"]["dow"]): e["event"]["n"] for e in got}, dict(wanted))

@check
def a_filtered_dimension_spec_of_a_multi_value_column_and_a_map_lookup(c):
    got = c.topn(datasource="sales", granularity="all", intervals=SPAN, threshold=10, metric="n", aggregations={"n": count("x")}, dimension=DimensionSpec("tags", "tag", filter_spec=ListFilteredSpec(["sale"])))
    same(got.result[0]["result"], [{"tag": "sale", "n": sum(1 for r in ROWS if "sale" in (r["tags"] or []))}])
    names = MapLookupExtraction({"Italy": "IT", "Germany": "DE"}, retain_missing_values=True)
    got = c.groupby(datasource="sales", granularity="all", intervals=SPAN, aggregations={"n": count("x")}, dimensions=[DimensionSpec("country", "code", extraction_function=names)]).result
    wanted = collections.Counter({"Italy": "IT", "Germany": "DE"}.get(r["country"], r["country"]) for r in ROWS)
    same({e["event"]["code"]: e["event"]["n"] for e in got}, dict(wanted))

@check
def aggregators_with_filters_and_sketches(c):
    got = c.timeseries(datasource="sales", granularity="all", intervals=SPAN,
                       aggregations={"italy": filtered(Dimension("country") == "Italy", count("x")), "buyers": cardinality("buyer"), "theta": thetasketch("buyer"),
                                     "new": filtered(Dimension("tags") == "new", thetasketch("buyer")), "q": quantilesDoublesSketch("price")},
                       post_aggregations={"both": ThetaSketchEstimate(ThetaSketch("theta") & ThetaSketch("new")), "median": QuantilesDoublesSketchToQuantile("median", "q", 0.5)}).result[0]["result"]
    same(got["italy"], sum(1 for r in ROWS if r["country"] == "Italy"))
    buyers, new = {r["buyer"] for r in ROWS}, {r["buyer"] for r in ROWS if "new" in (r["tags"] or [])}
    assert abs(got["buyers"] - len(buyers)) < 0.06 * len(buyers), got["buyers"]
    same((got["theta"], got["new"], got["both"], got["q"]), (float(len(buyers)), float(len(new)), float(len(new)), len(ROWS)))
    assert got["median"] in (1.25, 10.0), got["median"]

@check
def a_sub_query(c):
    inner = c.sub_query(datasource="sales", granularity="all", intervals=SPAN, dimensions=["buyer"], aggregations={"n": count("x")})
    got = c.groupby(datasource=inner, granularity="all", intervals=SPAN, dimensions=[], aggregations={"most": longmax("n"), "buyers": count("x")}).result[0]["event"]
    buyers = collections.Counter(r["buyer"] for r in ROWS)
    same(got, {"most": max(buyers.values()), "buyers": len(buyers)})

@check
def a_scan_gives_rows(c):
    got = c.scan(datasource="sales", granularity="all", intervals="2026-03-04/P1D", limit=10, columns=["__time", "product", "units"], order="ascending").result
    day = [r for r in ROWS if (r["t"] - BEGIN) // DAY == 3]
    same([e["__time"] for part in got for e in part["events"]], [r["t"] for r in day[:10]])

@check
def metadata(c):
    columns = c.segment_metadata(datasource="sales", intervals=SPAN, merge=True).result[0]["columns"]
    same(sorted(columns), ["__time", "buyer", "country", "price", "product", "tags", "units"])
    same((columns["units"]["type"], columns["tags"]["hasMultipleValues"], columns["country"]["cardinality"]), ("LONG", True, 6))  # null counts as a value, as in Druid
    got = c.time_boundary(datasource="sales").result[0]["result"]
    same(got, {"minTime": iso(ROWS[0]["t"]), "maxTime": iso(ROWS[-1]["t"])})

@check
def an_error_is_told_as_druid_tells_it(c):
    try: c.timeseries(datasource="sales", granularity="all", intervals="nonsense", aggregations={"n": count("x")})
    except IOError as e: assert "Unknown exception" in str(e) or "nonsense" in str(e), e
    else: raise AssertionError("no error")

def main(url):
    client, passed = PyDruid(url, "druid/v2/"), 0
    for f in CHECKS:
        try: f(client); passed += 1
        except Exception as e: print("FAIL pydruid: %s: %s: %s" % (f.__name__.replace("_", " "), type(e).__name__, e))
    return passed, len(CHECKS) - passed

if __name__ == "__main__":
    ok, bad = main(sys.argv[1])
    print("%d passed, %d failed" % (ok, bad))
    sys.exit(bad > 0)
