"""The rows that the client tests ask about: made the same way each time, small enough that every answer is computed a second time row by row."""
import datetime, json, random

BEGIN = 1772323200000  # 2026-03-01T00:00:00Z, a Sunday; the days after it hold the change to summer time in New York
DAYS = 10
SPEC = {"type": "index_parallel", "spec": {
    "dataSchema": {"dataSource": "sales", "timestampSpec": {"column": "t", "format": "millis"},
                   "dimensionsSpec": {"dimensions": ["country", "product", "buyer", "tags", {"type": "long", "name": "units"}, {"type": "double", "name": "price"}]},
                   "metricsSpec": [], "granularitySpec": {"segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False}},
    "ioConfig": {"type": "index_parallel", "inputSource": {"type": "inline", "data": ""}, "inputFormat": {"type": "json"}}}}

def rows():
    r = random.Random(20260301)
    out = []
    for i in range(4000):
        out.append({"t": BEGIN + r.randrange(DAYS * 86400) * 1000,
                    "country": r.choice(["Italy", "Germany", "France", "Norway", "Österreich", None]),
                    "product": "p%02d" % min(int(r.expovariate(0.2)), 30), "buyer": "b%d" % r.randrange(900),
                    "tags": r.choice([[], ["new"], ["new", "sale"], ["sale"], None]),
                    "units": r.choice([1, 1, 2, 5, None]), "price": r.choice([0.5, 1.25, 10.0, 99.5])})
    return sorted(out, key=lambda row: row["t"])

def iso(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (ms % 1000)

if __name__ == "__main__":
    for row in rows(): print(json.dumps(row))
