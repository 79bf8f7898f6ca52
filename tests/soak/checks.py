"""What every answer must fulfil. Standard library only.

A writer's ids are 0, 1, 2 ...; id i is in partition i % P. Who reads a partition in order has seen, per (writer, partition), a prefix of a known
series. So one answer is judged exactly, at any moment: a count gives its sum, its least and its greatest id, and a lost or doubled row shows at once."""
import bisect, struct, threading, time

OLD = "2000-01-01/2001-01-01" # rows of this time come and are dropped by the rules all the while; the writers' are never that old

FIELDS = ("asked", "committed", "commits", "aborts_wanted", "aborts_forced", "events_aborted", "fatal", "ended")

class Wrong(Exception):
    """An answer that must not be."""

class Told:
    """What the writers have told: now, and which ids were committed when."""
    def __init__(self, path, writers, partitions):
        self.path, self.writers, self.partitions, self.times, self.history = path, writers, partitions, [], []
        self.file, self.lock = open(path, "rb", buffering=0), threading.Lock()
    def now(self):
        with self.lock:
            self.file.seek(0)
            data = self.file.read(64 * self.writers)
        return [dict(zip(FIELDS, struct.unpack_from("<8Q", data, 64 * w))) for w in range(self.writers)] if len(data) == 64 * self.writers else [dict.fromkeys(FIELDS, 0)] * self.writers
    def sample(self):
        """To be called many times a second: the history of what is committed."""
        committed = [t["committed"] for t in self.now()]
        if not self.history or committed != self.history[-1]: self.times.append(time.time()); self.history.append(committed)
    def committed_at(self, when):
        """Per writer, the ids that were certainly committed at that time."""
        n = bisect.bisect_right(self.times, when)
        return self.history[n - 1] if n else [0] * self.writers
    def share(self, ids, partition): return (ids - partition + self.partitions - 1) // self.partitions if ids > partition else 0
    def lacking(self, counts, committed):
        """In words, what `covered` misses: rows of each writer by partition."""
        return "; ".join("%d of %d rows of writer %d in partition %d" % (self.share(n, p) - counts.get((w, p), 0), self.share(n, p), w, p)
                         for w, n in enumerate(committed) for p in range(self.partitions) if counts.get((w, p), 0) < self.share(n, p)) or "nothing"
    def covered(self, counts, committed): return all(counts.get((w, p), 0) >= self.share(n, p) for w, n in enumerate(committed) for p in range(self.partitions))

WHOLE = {"queryType": "groupBy", "dataSource": "soak", "granularity": "all", "intervals": "2020/3000", "dimensions": [{"type": "default", "dimension": "writer", "outputType": "LONG"}, {"type": "default", "dimension": "part", "outputType": "LONG"}],
         "aggregations": [{"type": "count", "name": "n"}, {"type": "longSum", "name": "sum", "fieldName": "id"}, {"type": "longMin", "name": "least", "fieldName": "id"}, {"type": "longMax", "name": "most", "fieldName": "id"}, {"type": "longSum", "name": "dead", "fieldName": "dead"}]}
BRIEF = {"queryType": "timeseries", "dataSource": "soak", "granularity": "all", "intervals": "2020/3000", "aggregations": [{"type": "count", "name": "n"}, {"type": "longSum", "name": "sum", "fieldName": "id"}, {"type": "longSum", "name": "dead", "fieldName": "dead"}]}

COUNT_OLD = {"queryType": "timeseries", "dataSource": "soak", "granularity": "all", "intervals": OLD, "aggregations": [{"type": "count", "name": "n"}]}

def counts_of(answer): return {(r["event"]["writer"], r["event"]["part"]): r["event"]["n"] for r in answer}

def judge(answer, told, before, fell):
    """An answer to WHOLE. `before`: counts that it must not fall below, unless fell(key, count before, counts) returns. Returns its counts."""
    counts, asked, P = counts_of(answer), [t["asked"] for t in told.now()], told.partitions
    for row in answer:
        e = row["event"]
        w, p, n = e["writer"], e["part"], e["n"]
        if w not in range(told.writers) or p not in range(P): raise Wrong("rows of writer %s, partition %s, which there is not: %s" % (w, p, e))
        if e["dead"] != 0: raise Wrong("%d rows of aborted transactions are seen: %s" % (e["dead"], e))
        if (e["sum"], e["least"], e["most"]) != (p * n + P * (n * (n - 1) // 2), p, p + P * (n - 1)): raise Wrong("rows of writer %d, partition %d are no prefix (wanted sum %d, most %d): %s" % (w, p, p * n + P * (n * (n - 1) // 2), p + P * (n - 1), e))
        if n > told.share(asked[w], p): raise Wrong("%d rows of writer %d, partition %d, of which at most %d are committed" % (n, w, p, told.share(asked[w], p)))
    for key, n in before.items():
        if counts.get(key, 0) < n: fell(key, n, counts)
    return counts

def judge_brief(answer, told):
    """An answer to BRIEF. Returns its count."""
    r = answer[0]["result"] if answer else {"n": 0, "sum": 0, "dead": 0}
    n, most = r["n"] or 0, sum(t["asked"] for t in told.now())
    if r["dead"]: raise Wrong("%s rows of aborted transactions are seen" % r["dead"])
    if n > most: raise Wrong("%d rows are seen, of which at most %d are committed" % (n, most))
    return n

def judge_all(ask, told):
    """After the end, exactly: every id once, by thousands of ids. `ask`: a query to its answer."""
    bad, rows = 0, 0
    for w, n in enumerate(t["committed"] for t in told.now()):
        body = {"queryType": "groupBy", "dataSource": "soak", "granularity": "all", "intervals": "2020/3000", "filter": {"type": "equals", "column": "writer", "matchValueType": "LONG", "matchValue": w},
                "virtualColumns": [{"type": "expression", "name": "thousand", "expression": "id / 1000", "outputType": "LONG"}], "dimensions": [{"type": "default", "dimension": "thousand", "outputType": "LONG"}],
                "aggregations": [{"type": "count", "name": "n"}, {"type": "longSum", "name": "sum", "fieldName": "id"}, {"type": "longMin", "name": "least", "fieldName": "id"}, {"type": "longMax", "name": "most", "fieldName": "id"}]}
        got = {r["event"]["thousand"]: r["event"] for r in ask(body)}
        for t in range((n + 999) // 1000):
            size, e = min(1000, n - t * 1000), got.pop(t, None)
            rows += e["n"] if e else 0
            if not e or (e["n"], e["sum"], e["least"], e["most"]) != (size, t * 1000 * size + size * (size - 1) // 2, t * 1000, t * 1000 + size - 1):
                bad += 1
                if bad == 1: first = "writer %d, ids %d to %d: %s" % (w, t * 1000, t * 1000 + size - 1, e)
        if got: raise Wrong("ids that were never committed: %s" % list(got.items())[:3])
    if bad: raise Wrong("%d thousands of ids are not there once each; the first: %s" % (bad, first))
    return rows
