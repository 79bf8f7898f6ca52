"""The processes under fire: the broker, the S3 server behind a lying proxy, the writers, and weir twice. Standard library only, and lib/."""
import http.client, json, os, random, re, shutil, signal, subprocess, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import s3, weir
import checks

MB = 1 << 20
BUDGET = {"ingest_memory_bytes": 192 * MB, "query_memory_bytes": 128 * MB, "segment_cache_bytes": 32 * MB, "result_cache_bytes": 16 * MB, "lookup_memory_bytes": 16 * MB, "coordinator_memory_bytes": 64 * MB}

class Liar(s3.Proxy):
    """The proxy lies to the next `left` requests that a fault fits, then it is honest again."""
    def __init__(self, server):
        self.lies, self.hits = [], {}
        super().__init__(server)
    def lie(self, kind, left, fits, hold=0.0):
        fault = {"kind": kind, "left": left, "fits": fits, "hold": hold, "hits": 0}
        with self.lock: self.lies.append(fault)
        return fault
    def stop_lying(self, fault):
        with self.lock: self.lies = [f for f in self.lies if f is not fault]
    def serve(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        with self.lock:
            fault = next((f for f in self.lies if f["left"] > 0 and f["fits"](h.command, h.path)), None)
            if fault: fault["left"] -= 1; fault["hits"] += 1; self.hits[fault["kind"]] = self.hits.get(fault["kind"], 0) + 1
        kind, hold = (fault["kind"], fault["hold"]) if fault else ("", 0)
        if hold and not kind.endswith("though done"): time.sleep(hold)
        if re.fullmatch(r"\d\d\d", kind): return self.answer(h, int(kind), {}, b"<Error><Code>%s</Code></Error>" % {"409": b"ConditionalRequestConflict", "412": b"PreconditionFailed"}.get(kind, b"SlowDown"))
        if kind in ("no answer", "hang"): h.close_connection = True; return
        c = http.client.HTTPConnection("127.0.0.1", self.s3.port, timeout=60)
        try:
            c.request(h.command, h.path, body, dict(h.headers))
            r = c.getresponse()
            data, status, headers = r.read(), r.status, dict(r.getheaders())
        except (OSError, http.client.HTTPException): h.close_connection = True; return
        finally: c.close()
        if hold and kind.endswith("though done"): time.sleep(hold)
        if re.fullmatch(r"\d\d\d though done", kind): return self.answer(h, int(kind[:3]), {}, b"<Error><Code>InternalError</Code></Error>")
        if kind == "no answer though done": h.close_connection = True; return
        if kind == "flipped" and data and h.command == "GET" and status < 300:
            at = len(data) * fault["hits"] // 7 % len(data)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        self.answer(h, status, headers, data, cut=kind == "cut")

class Writers:
    """The program that writes, and what it tells."""
    def __init__(self, program, folder, broker, topic, partitions, writers, rate, seed):
        path = os.path.join(folder, "told")
        open(path, "wb").close()
        self.log = open(os.path.join(folder, "writer.log"), "ab")
        self.told = checks.Told(path, writers, partitions)
        self.process = subprocess.Popen([program, broker, topic, str(partitions), str(writers), str(rate), str(seed), path], stderr=self.log)
    def committed(self): return sum(t["committed"] for t in self.told.now())
    def end(self, seconds=120):
        if self.process.poll() is None: self.process.terminate()
        if self.process.wait(seconds) != 0: raise RuntimeError("the writers ended with %d" % self.process.returncode)

class Node(weir.Weir):
    """A weir with a port and a data folder that outlive its processes; queries run against each process as long as it lives."""
    def __init__(self, world, name, data, extra=()):
        self.world, self.name, self.data, self.port, self.extra = world, name, data, weir.free_port(), extra
        self.log_path, self.host = os.path.join(world.folder, name + ".log"), "127.0.0.1:%d" % self.port
        self.process, self.expected, self.life, self.alive_since, self.stopped = None, False, 0, 0.0, False
        self.lock, self.counts, self.seen_at, self.exits = threading.Lock(), {}, 0.0, 0
        self.figures = {"queries": 0, "answers": 0, "errors": 0, "lives": 0, "rss": 0, "rss_at": 0, "rss_all": 0, "stop_s": 0.0, "start_s": 0.0, "first_s": 0.0, "masked": 0}
        self.errors = []
    def start(self):
        """Starts, and again when it ends because the store lies just then; returns when it serves."""
        begun = time.time()
        while True:
            log = open(self.log_path, "ab")
            log.write(b"---- %s starts at %.3f\n" % (self.name.encode(), time.time() - self.world.begun)); log.flush()
            flags = [*self.world.flags, *self.extra]
            with self.lock:
                os.makedirs(self.data, exist_ok=True)
                self.process = subprocess.Popen([weir.WEIR, "serve", "--data", self.data, "--listen", "127.0.0.1:%d" % self.port, *flags], stderr=log, stdout=log)
                self.first_s, self.expected, self.counts, self.life, self.alive_since = None, True, {}, self.life + 1, 0.0
            log.close()
            floor = self.world.committed_rows() # what the log holds before the first answer
            while time.time() - begun < 90 and self.process.poll() is None and not self.serves() and not self.world.ended: time.sleep(.05)
            if self.process.poll() is None and time.time() - begun < 90: break
            if self.world.ended: return
            if self.process.poll() is None: self.kill(); raise RuntimeError("%s does not serve after 90 s\n%s" % (self.name, self.tail()))
            if self.process.returncode != 1 or time.time() - begun > 90: raise RuntimeError("%s ended with %d while it started\n%s" % (self.name, self.process.returncode, self.tail()))
            self.exits += 1
            time.sleep(.2)
        with self.lock: self.alive_since, self.floor = time.time(), floor
        self.figures["lives"] += 1
        self.figures["start_s"] = max(self.figures["start_s"], time.time() - begun)
    def first_answer(self, seconds=60):
        """Waits for the first answer of this life that was judged."""
        end = time.time() + seconds
        while time.time() < end and self.first_s is None and self.alive() and not self.world.failure: time.sleep(.02)
    def serves(self): # 503: something could not be read when it started; answers go on
        try: return self.call("GET", "/status/health", timeout=5)[0] in (200, 503)
        except (OSError, http.client.HTTPException): return False
    def healthy(self):
        try: return self.call("GET", "/status/health", timeout=5)
        except (OSError, http.client.HTTPException) as e: return 0, str(e)
    def tail(self, size=3000):
        with open(self.log_path, "rb") as f: return f.read()[-size:].decode("utf-8", "replace")
    def alive(self): return self.process is not None and self.process.poll() is None and self.alive_since > 0
    def kill(self):
        with self.lock: self.expected = False
        self.process.kill(); self.process.wait()
        self.stopped = False
    def term(self):
        with self.lock: self.expected = False
        begun = time.time()
        self.process.terminate()
        try: code = self.process.wait(30)
        except subprocess.TimeoutExpired: self.process.kill(); self.process.wait(); raise checks.Wrong("%s did not end within 30 s of SIGTERM" % self.name)
        self.figures["stop_s"] = max(self.figures["stop_s"], time.time() - begun)
        if code != 0: raise checks.Wrong("%s ended with %d after SIGTERM\n%s" % (self.name, code, self.tail()))
        if time.time() - begun > self.world.stop_limit: raise checks.Wrong("%s took %.1f s to end after SIGTERM" % (self.name, time.time() - begun))
    def ask(self, body, timeout=60):
        """The answer, or None when the process could not give one; errors are kept with their time."""
        self.figures["queries"] += 1
        life = self.life
        try: status, answer = self.call("POST", "/druid/v2", body, timeout)
        except (OSError, http.client.HTTPException): return None
        if status == 200 and isinstance(answer, list): self.figures["answers"] += 1; return answer
        if life == self.life:
            self.figures["errors"] += 1
            self.errors.append((time.time(), status, json.dumps(answer)[:400]))
        return None
    def sample_memory(self):
        try: text = open("/proc/%d/status" % self.process.pid).read()
        except (OSError, AttributeError): return
        kb = {k: int(v) for k, v in re.findall(r"^(VmRSS|RssAnon):\s+(\d+)", text, re.M)}
        if "RssAnon" not in kb: return
        if kb["RssAnon"] << 10 > self.figures["rss"]: self.figures["rss"], self.figures["rss_at"] = kb["RssAnon"] << 10, self.world.at()
        self.figures["rss_all"] = max(self.figures["rss_all"], kb["VmRSS"] << 10)
    def note_memory(self):
        """A line in the log: what the process takes, and what it says that it takes."""
        try: status, text = self.call("GET", "/metrics", timeout=5)
        except (OSError, http.client.HTTPException): return
        kb = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+)", open("/proc/%d/status" % self.process.pid).read(), re.M))
        said = " ".join("%s %.0f" % (m[0], float(m[1]) / MB) for m in re.findall(r"^weir_((?:ingest_memory|query_memory|cache|table_live|pages_pooled|store_cache)_bytes(?:\{[^}]*\})?) (\S+)$", text, re.M))
        with open(os.path.join(self.world.folder, self.name + ".memory"), "a") as f: f.write("%.1f life %d RssAnon %d MiB: %s\n" % (self.world.at(), self.life, int(kb.get("RssAnon", 0)) >> 10, said))

class World:
    def __init__(self, folder, options):
        self.folder, self.options, self.begun, self.failure, self.ended = folder, options, time.time(), None, False
        self.random, self.stop_limit = random.Random(options.seed), options.stop_limit
        self.kafka, self.s3 = weir.Kafka(os.path.join(folder, "kafka")), s3.S3()
        self.proxy = Liar(self.s3)
        os.environ.update(s3.KEYS)
        self.topic = "soak%d" % os.getpid()
        self.make_topic()
        self.flags = ["--store", "s3://%s/t" % self.s3.bucket, "--s3-endpoint", self.proxy.url, "--store-cache-bytes", str(96 * MB), "--workers", "2", "--gc-grace-ms", "30000", "--coordinator-period-ms", "2000"]
        for k, v in BUDGET.items(): self.flags += ["--" + k.replace("_", "-"), str(v)]
        self.disk = os.path.join(folder, "disk")
        os.makedirs(self.disk)
        self.mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", self.disk]).returncode == 0
        self.a = Node(self, "a", os.path.join(self.disk, "a"))
        self.b = Node(self, "b", os.path.join(folder, "b"))
        self.writers, self.rows, self.log_seen, self.rows_lock = None, 0, 0, threading.Lock()
        self.part_rows, self.part_commits, self.ops = {}, {}, {}
        self.served_at = 0.0 # since when the broker serves again; infinite: it is away
    def make_topic(self):
        from confluent_kafka.admin import AdminClient, NewTopic
        admin = AdminClient({"bootstrap.servers": self.kafka.address, "log_level": 0})
        for f in admin.create_topics([NewTopic(self.topic, num_partitions=self.options.partitions, replication_factor=1)]).values(): f.result()
    def broker_serves(self, seconds=60):
        """Waits until the broker answers for each partition of the topic and for weir's group, and what it has is readable: no reader of committed
        records sees past a transaction that was open when it died, and that its writer ends when it has found the broker again.
        True: the group, as the broker has it from its disk, holds a member that is not alive, and waits for it to the end of a session."""
        from confluent_kafka import Consumer, KafkaException, TopicPartition
        from confluent_kafka.admin import AdminClient
        table_id = json.loads(open(self.s3.path("t/soak/log/%020d.json" % 1)).readline())["table_id"]
        group, address, dead = "weir.%s.soak" % table_id, {"bootstrap.servers": self.kafka.address, "log_level": 0}, False
        all_records, c = (Consumer({**address, "group.id": group, "reconnect.backoff.max.ms": 100, "isolation.level": "read_" + level}) for level in ("uncommitted", "committed"))
        ends = None
        partitions, end = [TopicPartition(self.topic, p) for p in range(self.options.partitions)], time.time() + seconds
        while time.time() < end and not self.failure:
            try:
                ends = ends or [all_records.get_watermark_offsets(p, timeout=1)[1] for p in partitions]
                c.committed(partitions, timeout=1)
                if all(c.get_watermark_offsets(p, timeout=1)[1] >= end for p, end in zip(partitions, ends)): break
            except KafkaException: pass
            time.sleep(.02)
        c.close(); all_records.close()
        try: dead = any(not n.process or n.process.poll() is not None for g in AdminClient(address).list_groups(group, timeout=2) for m in g.members for n in (self.a, self.b) if m.id.startswith(n.host + "-"))
        except KafkaException: pass
        return dead
    def spec(self):
        o = self.options
        return {"type": "kafka", "spec": {
            "dataSchema": {"dataSource": "soak", "timestampSpec": {"column": "ts", "format": "millis"},
                           "dimensionsSpec": {"dimensions": [{"type": "long", "name": n} for n in ("writer", "part", "id", "dead")] + ["kind"]}, "metricsSpec": [],
                           "granularitySpec": {"segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False}},
            "ioConfig": {"topic": self.topic, "inputFormat": {"type": "json"}, "useEarliestOffset": True, "consumerProperties": {"bootstrap.servers": self.kafka.address}},
            "tuningConfig": {"type": "kafka", "maxRowsInMemory": o.seal_rows, "intermediateHandoffPeriod": "PT%dS" % o.seal_seconds}}}
    rules = [{"type": "loadByPeriod", "period": "P30D", "includeFuture": True, "tieredReplicants": {"_default_tier": 1}}, {"type": "dropForever"}]
    def old_rows(self, number):
        """A task that appends rows which the rules drop again."""
        rows = "\n".join(json.dumps({"ts": 946684800000 + (number * 1000 + i) * 60000 % 31536000000, "writer": 99, "part": 0, "id": i, "dead": 0, "kind": "old"}) for i in range(100))
        schema = self.spec()["spec"]["dataSchema"]
        return {"type": "index_parallel", "spec": {"dataSchema": schema, "ioConfig": {"type": "index_parallel", "appendToExisting": True, "inputSource": {"type": "inline", "data": rows}, "inputFormat": {"type": "json"}},
                                                   "tuningConfig": {"type": "index_parallel"}}}
    def audit(self):
        """weir audit over the whole log, every byte of every segment, and the topic; its words if it finds anything."""
        data = os.path.join(self.folder, "audit")
        r = subprocess.run([weir.WEIR, "audit", "soak", "--data", data, *self.flags[:4], "--deep", "--read-topics", "--brokers", self.kafka.address], capture_output=True, text=True, timeout=600)
        return None if r.returncode == 0 else "exit code %d: %s\n%s" % (r.returncode, r.stdout[-3000:], r.stderr[-2000:])
    def committed_rows(self):
        """Rows that the table log has committed, read from the server's files: what a new process must show at once."""
        with self.rows_lock:
            while True:
                path = self.s3.path("t/soak/log/%020d.json" % (self.log_seen + 1))
                try: commit = json.loads(open(path).readline())
                except (OSError, ValueError): return self.rows
                self.log_seen += 1
                self.ops[commit["op"]] = self.ops.get(commit["op"], 0) + 1
                for o in commit.get("offsets", []):
                    kept, p = (o.get("counts") or {}).get("kept", 0), o["partition"]
                    self.rows += kept
                    self.part_rows[p] = self.part_rows.get(p, 0) + kept
                    if kept: self.part_commits.setdefault(p, []).append({"node": commit["node"], "seen": time.time(), "before": self.part_rows[p] - kept, "after": self.part_rows[p]})
    def taken_over(self, node, since, partition=None, had=None, has=0):
        """PROTOCOL.md, section 4: rows leave the answers of a process when another one has committed rows of the same partition that this one had too;
        what is committed stays. True: the log says so. `had`, `has`: rows of the partition in the answer before (at `since`) and now."""
        self.committed_rows()
        some = [c for p, cs in list(self.part_commits.items()) if partition in (None, p) for c in cs[-20:]]
        return any(c["node"] != node.host and c["seen"] > since - 10 and (had is None or (c["before"] < had and has >= c["after"])) for c in some)
    def at(self): return time.time() - self.begun
    def fail(self, why):
        if self.failure is None: self.failure = (self.at(), why)
    def close(self):
        self.ended = True
        self.fail("ended") # faults that are under way end soon: none may start a server that nobody stops
        end = time.time() + 20
        for t in self.fire.threads: t.join(max(0, end - time.time()))
        for n in (self.a, self.b):
            if n.process and n.process.poll() is None: n.process.kill(); n.process.wait()
        if self.writers and self.writers.process.poll() is None: self.writers.process.kill(); self.writers.process.wait()
        self.proxy.close(); self.s3.close(); self.kafka.close()
        if self.mounted: subprocess.run(["umount", "-l", self.disk])
