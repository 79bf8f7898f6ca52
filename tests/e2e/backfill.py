"""Rows of a past day are replaced while the stream runs into it: by tasks, by `weir load`, with either killed at any moment. Every answer shows all old rows or all new ones."""
import http.client, json, os, random, signal, subprocess, threading, time
import weir
from weir import wait_for

TESTS = []
def test(f): TESTS.append(f); return f

DAY = 86400000
BEGIN = 1700006400000  # a midnight
DAYS = 3
BACKFILL = DAYS // 2
ROWS = 5000
KILLS = int(os.environ.get("KILLS", "50"))
INTERVAL = "2023-11-16/2023-11-17"

def stream_spec(x, topic):
    spec = x.spec(topic)
    spec["spec"]["dataSchema"]["granularitySpec"]["segmentGranularity"] = "DAY"
    return spec

def replay(x, n, append=False):
    """The task that puts ROWS rows of kind r<n> in the place of the day."""
    schema = stream_spec(x, "t")["spec"]["dataSchema"]
    schema["granularitySpec"]["intervals"] = [INTERVAL]
    lines = "".join('{"ts":%d,"id":"r%d-%d","kind":"r%d","v":1}\n' % (BEGIN + BACKFILL * DAY + i * 1000, n, i, n) for i in range(ROWS))
    return {"type": "index_parallel", "spec": {"dataSchema": schema, "ioConfig": {"type": "index_parallel", "appendToExisting": append, "inputFormat": {"type": "json"},
            "inputSource": {"type": "inline", "data": lines}}}}

def kinds(w, interval="0000/3000"):
    """Rows by day and kind: {(day, kind): rows}; those of the stream are of kind s."""
    rows = w.query({"queryType": "groupBy", "dataSource": "events", "granularity": "day", "intervals": interval, "dimensions": ["kind"], "aggregations": [{"type": "count", "name": "n"}]})
    return {((r["timestamp"]), r["event"]["kind"]): r["event"]["n"] for r in rows}

def replays(w):
    return {kind: n for (_, kind), n in kinds(w, INTERVAL).items() if kind != "s"}

def ids(w, interval):
    rows = w.query({"queryType": "scan", "dataSource": "events", "intervals": interval, "columns": ["id", "kind"], "resultFormat": "compactedList", "filter": {"type": "selector", "dimension": "kind", "value": "s"}})
    return [e[0] for r in rows for e in r["events"]]

def load(data, spec_path, label):
    return subprocess.Popen([weir.WEIR, "load", "--data", data, "--spec", spec_path, "--label", label], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

def wait_task(w, task):
    def ended():
        status, answer = w.call("GET", "/druid/indexer/v1/task/%s/status" % task)
        return answer["status"] if status == 200 and answer["status"]["status"] != "RUNNING" else None
    return wait_for(ended, step=.02)

class Stream:
    """Produces events of all days, one after the other, until it is stopped."""
    def __init__(self, x, topic, rate=2000):
        self.producer, self.topic, self.rate, self.sent, self.ended = x.producer(), topic, rate, 0, threading.Event()
        self.thread = threading.Thread(target=self.run); self.thread.start()
    def run(self):
        while not self.ended.is_set():
            for _ in range(self.rate // 50):
                i = self.sent
                try: self.producer.produce(self.topic, json.dumps({"ts": BEGIN + i % DAYS * DAY + i, "id": "s%d" % i, "kind": "s", "v": 1}).encode())
                except BufferError: break
                self.sent = i + 1
            self.producer.poll(0)
            time.sleep(.02)
        self.producer.flush()
    def stop(self): self.ended.set(); self.thread.join()

class Watcher:
    """Asks all the time; remembers what no answer may show."""
    def __init__(self, w):
        self.w, self.bad, self.answers, self.ended, self.other_days = w, [], 0, threading.Event(), 0
        self.thread = threading.Thread(target=self.run); self.thread.start()
    def run(self):
        while not self.ended.is_set():
            try: now = kinds(self.w)
            except (OSError, http.client.HTTPException, RuntimeError) as e:
                if self.w.process.poll() is None and not self.ended.is_set(): self.bad.append(repr(e))
                return
            self.answers += 1
            shown = {k: n for (_, k), n in now.items() if k != "s"}
            other = sum(n for (t, _), n in now.items() if not t.startswith(INTERVAL[:10]))
            if len(shown) > 1 or any(n != ROWS for n in shown.values()): self.bad.append(shown)
            if other < self.other_days: self.bad.append(("other days fell", self.other_days, other))
            self.other_days = other
    def stop(self):
        self.ended.set(); self.thread.join()
        assert not self.bad, self.bad[:3]
        return self.answers

@test
def a_past_day_is_replayed_while_the_stream_runs_into_it(x):
    topic, data = x.topic(2), x.data()
    spec_path = os.path.join(x.folder, "replay.json")
    with weir.Weir(data) as w:
        assert w.supervisor(stream_spec(x, topic))[0] == 200
        stream, watcher = Stream(x, topic), Watcher(w)
        began = time.time()
        def tell(what):
            if os.environ.get("TIMES"): print("      %-30s %.1f s" % (what, time.time() - began))
        try:
            wait_for(lambda: w.count("events") > 1500)
            tell("stream runs")
            for n in range(4):
                seen_before, answers = set(ids(w, INTERVAL)), watcher.answers
                if n % 2: # by another process: what is live here is not handed off first
                    assert w.call("POST", "/druid/indexer/v1/supervisor/events/handoff")[0] == 200
                    with open(spec_path, "w") as f: json.dump(replay(x, n), f)
                    job = load(data, spec_path, "replay%d" % n)
                    assert job.wait(120) == 0, job.stderr.read()
                    wait_for(lambda: ("r%d" % n) in replays(w), step=.01)
                else:
                    status, answer = w.call("POST", "/druid/indexer/v1/task", replay(x, n))
                    assert status == 200, answer
                    assert wait_task(w, answer["task"])["status"] == "SUCCESS", w.call("GET", "/druid/indexer/v1/task/%s/reports" % answer["task"])
                shown = replays(w)
                assert shown == {"r%d" % n: ROWS}, (n, shown)
                sent = stream.sent
                now = ids(w, INTERVAL)
                assert not seen_before & set(now), "rows that were there before were kept"
                assert len(set(now)) == len(now), "a row of the stream is there twice"
                tell("replaced")
                wait_for(lambda: stream.sent > sent + 600)
                after = {"s%d" % i for i in range(sent, sent + 600) if i % DAYS == BACKFILL}
                wait_for(lambda: after <= set(ids(w, INTERVAL)))
                wait_for(lambda: watcher.bad or watcher.answers > answers + 1)
                tell("new events show")
        finally: stream.stop()
        tell("stopped at %d events" % stream.sent)
        wait_for(lambda: w.call("GET", "/druid/indexer/v1/supervisor/events/status")[1]["payload"]["aggregateLag"] == 0)
        tell("no lag")
        watcher.stop()
        for day in range(DAYS):
            if day != BACKFILL:
                interval = "%s/%s" % (("2023-11-15", "2023-11-16"), ("2023-11-16", "2023-11-17"), ("2023-11-17", "2023-11-18"))[day]
                want = sorted("s%d" % i for i in range(stream.sent) if i % DAYS == day)
                wait_for(lambda: sorted(ids(w, interval)) == want)
        running = w.call("GET", "/druid/indexer/v1/runningTasks")[1]
        assert [t["type"] for t in running] == ["index_kafka"], running
        assert w.call("GET", "/druid/indexer/v1/task/%s/status" % running[0]["id"])[1]["status"]["status"] == "RUNNING"
        assert w.call("GET", "/druid/indexer/v1/completeTasks?n=2")[1][0]["type"] == "index_parallel"

def log_of(data):
    """The commits of the table, ascending."""
    folder = os.path.join(data, "store", "events", "log")
    return [json.loads(open(os.path.join(folder, f)).readline()) for f in sorted(os.listdir(folder))] if os.path.isdir(folder) else []

def log_is_read(w, last):
    """Whether the server has read the table's log up to this version."""
    lines = [l for l in w.call("GET", "/metrics")[1].splitlines() if l.startswith('weir_table_log_version{table="events"}')]
    return bool(lines) and float(lines[0].rsplit(" ", 1)[1]) >= last

@test
def a_load_that_is_killed_changes_nothing_or_all_and_its_label_goes_on(x):
    """The kills come within the time that a load takes here: a load that ends before its kill shortens it, and another one is tried."""
    data, spec_path, now, killed, landed_ones, wanted, n = x.data(), os.path.join(x.folder, "killed.json"), None, 0, 0, max(3, KILLS // 8), 0
    with weir.Weir(data) as w:
        begun = time.time()
        subprocess.run([weir.WEIR, "load", "--help"], capture_output=True) # a first guess: what a process takes
        most = (time.time() - begun) * 4
        while killed < wanted:
            assert n < 30 * wanted, "%d of %d loads were hit, with kills within %.3f s" % (killed, n, most)
            with open(spec_path, "w") as f: json.dump(replay(x, n), f)
            label, begun = "killed%d" % n, time.time()
            job = load(data, spec_path, label)
            try: job.wait(random.uniform(0, most)) # the kill's time, or the load's
            except subprocess.TimeoutExpired: job.send_signal(signal.SIGKILL if n % 4 else signal.SIGTERM)
            hit = job.wait(120) != 0
            killed += hit
            most = most * 1.3 if hit else (time.time() - begun)
            log = log_of(data)
            landed = any(c.get("label") == label for c in log)
            landed_ones += landed and hit
            old, new = {now: ROWS} if now else {}, {"r%d" % n: ROWS}
            if now or landed: wait_for(lambda: log_is_read(w, log[-1]["version"])) # a table that never had a row has no metrics
            shown = replays(w) if w.call("GET", "/druid/v2/datasources/events")[0] == 200 else {}
            assert shown == (new if landed else old), (n, hit, landed, shown, old, new)
            job = load(data, spec_path, label)
            out, err = job.communicate(timeout=120)
            assert job.returncode == 0 and ("already" in out) == landed, (n, hit, landed, job.returncode, out, err)
            now = "r%d" % n
            wait_for(lambda: replays(w) == {now: ROWS})
            n += 1
        locked = w.call("POST", "/druid/indexer/v1/lockedIntervals", {"events": 0})
        assert locked[1] == {}, locked
    print("      %d loads, %d killed, %d of them after their commit" % (n, killed, landed_ones))

@test
def a_server_that_is_killed_runs_a_task_once_or_not_at_all(x):
    data, now, seen = x.data(), None, {}
    with weir.Weir(data, "--node", "127.0.0.1:1") as w:
        w.call("POST", "/druid/indexer/v1/task", dict(replay(x, 0), id="job0")); wait_task(w, "job0"); now = "r0"
        for n in range(1, max(3, KILLS // 4)):
            body, answers = json.dumps(dict(replay(x, n), id="job%d" % n)).encode(), []
            def send():
                try: answers.append(w.call("POST", "/druid/indexer/v1/task", body))
                except (OSError, http.client.HTTPException): pass
            sender = threading.Thread(target=send); sender.start()
            if n % 2: sender.join() # accepted: it is about to run
            time.sleep(random.uniform(0, .06 if n % 2 else .25))
            if n % 3: w.kill()
            else: assert w.stop() == 0
            sender.join()
            w = weir.Weir(data, "--node", "127.0.0.1:1", wait=False); w.wait_ready()
            shown = replays(w)
            assert shown in ({now: ROWS}, {"r%d" % n: ROWS}), shown
            status, answer = w.call("GET", "/druid/indexer/v1/task/job%d/status" % n)
            state = answer["status"]["status"] if status == 200 else "unknown"
            seen[state] = seen.get(state, 0) + 1
            assert (state == "SUCCESS") == (shown == {"r%d" % n: ROWS}), (state, shown)
            status, answer = w.call("POST", "/druid/indexer/v1/task", body)
            assert status == (400 if state == "SUCCESS" else 200), (status, answer, state)
            assert wait_task(w, "job%d" % n)["status"] == "SUCCESS"
            now = "r%d" % n
            assert replays(w) == {now: ROWS}
        w.stop()
    print("      states after the kill: %s" % seen)
