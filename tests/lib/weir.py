"""Starts real programs for tests: weir itself, and the Kafka broker of scripts/services. Standard library only."""
import http.client, json, os, random, shutil, signal, socket, subprocess, tempfile, time, urllib.parse

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
os.environ.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions=" + os.path.join(ROOT, "tests", "lsan.supp"))
WEIR = os.environ.get("WEIR", os.path.join(ROOT, "build", "release", "weir"))

def free_port(with_next=False):
    """A port that nobody listens on; with_next: nor on the one after it. Below those that the kernel gives to clients (on Linux from 32768 on): else one of them may
    take the port of a server that is down for a moment, or even connect to itself there."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as s, socket.socket() as next_one:
            try:
                s.bind(("127.0.0.1", port))
                if with_next: next_one.bind(("127.0.0.1", port + 1))
                return port
            except OSError: pass

launched = []
def kill_left():
    """Kills what a test that failed has left."""
    for process in launched:
        if process.poll() is None: process.kill(); process.wait()
    launched.clear()

class Weir:
    """`weir serve` on a free port. `with Weir(data) as w: w.query({...})`."""
    def __init__(self, data, *flags, wait=True, env=None):
        self.data, self.flags, self.env = data, flags, {**os.environ, **(env or {})}
        self.log_path = data.rstrip("/") + ".log"
        self.log = open(self.log_path, "ab")
        self.launch()
        if wait: self.wait_ready()
    def launch(self):
        self.port = free_port()
        self.process = subprocess.Popen([WEIR, "serve", "--data", self.data, "--listen", "127.0.0.1:%d" % self.port, *self.flags], stderr=self.log, stdout=self.log, env=self.env)
        launched.append(self.process)
    url = property(lambda self: "http://127.0.0.1:%d" % self.port)
    def wait_ready(self, seconds=120):
        end = time.time() + seconds
        while time.time() < end:
            if self.process.poll() == 1 and "Address already in use" in self.log_tail(400): self.launch() # another test was faster
            if self.process.poll() is not None: raise RuntimeError("weir ended with %s\n%s" % (self.process.returncode, self.log_tail()))
            try:
                if self.call("GET", "/status/health")[0] == 200: return
            except OSError: pass
            time.sleep(.02)
        raise RuntimeError("weir is not ready\n" + self.log_tail())
    def log_tail(self, size=4000):
        self.log.flush()
        with open(self.log_path, "rb") as f: return f.read()[-size:].decode("utf-8", "replace")
    def call(self, method, path, body=None, timeout=60, headers=None):
        """(status, parsed JSON or text)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            h = {"Content-Type": "application/json"} if data is not None else {}
            h.update(headers or {})
            c.request(method, path, data, h)
            r = c.getresponse()
            text = r.read().decode("utf-8", "replace")
            try: return r.status, json.loads(text)
            except ValueError: return r.status, text
        finally: c.close()
    def query(self, body, timeout=60):
        status, answer = self.call("POST", "/druid/v2", body, timeout)
        if status != 200: raise RuntimeError("%d %s" % (status, answer))
        return answer
    def count(self, table, aggregation=None):
        """Rows of a table (or another aggregation named n) over all time; 0 when there are none."""
        rows = self.query({"queryType": "timeseries", "dataSource": table, "granularity": "all", "intervals": "0000/3000",
                           "aggregations": [aggregation or {"type": "count", "name": "n"}]})
        return (rows[0]["result"]["n"] or 0) if rows else 0
    def supervisor(self, spec): return self.call("POST", "/druid/indexer/v1/supervisor", spec)
    def kill(self):
        self.process.kill(); self.process.wait(); self.log.close()
    def stop(self, seconds=60):
        """SIGTERM; the exit code. Who means how long it takes measures that."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try: self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill(); self.process.wait()
                raise RuntimeError("weir did not end within %s s of SIGTERM\n%s" % (seconds, self.log_tail()))
        self.log.close()
        return self.process.returncode
    def __enter__(self): return self
    def __exit__(self, *why):
        if self.process.poll() is None:
            self.process.kill() if why[0] else self.stop()
            self.process.wait()

def load(data, spec, *files, flags=()):
    """weir load; raises with its words when it fails."""
    r = subprocess.run([WEIR, "load", "--data", data, "--spec", spec, *flags, *files], capture_output=True, text=True)
    if r.returncode != 0: raise RuntimeError("weir load failed (%d): %s" % (r.returncode, r.stderr[-2000:]))
    return r

class Kafka:
    """The broker of scripts/services/kafka, in a folder of its own."""
    def __init__(self, folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix="weir-kafka-")
        self.port = free_port(with_next=True) # the controller listens on the one after it
        self.tool = os.path.join(ROOT, "scripts", "services", "kafka")
        self.start()
    address = property(lambda self: "127.0.0.1:%d" % self.port)
    def start(self): subprocess.run([self.tool, "start", self.folder, str(self.port)], check=True, stdout=subprocess.DEVNULL)
    def kill(self): subprocess.run([self.tool, "kill", self.folder], check=True)
    def close(self):
        subprocess.run([self.tool, "stop", self.folder], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)
    def __enter__(self): return self
    def __exit__(self, *why): self.close()

def wait_for(what, seconds=120, step=.05):
    """The first true value of what(); fails with the last one after `seconds`: many, as a wait that ends well costs none of them, and machines may be slow."""
    end, last = time.time() + seconds, None
    while time.time() < end:
        last = what()
        if last: return last
        time.sleep(step)
    raise AssertionError("not within %s s (last: %r)" % (seconds, last))
