"""A real S3 server for tests (scripts/services/s3), and a proxy before it that makes it lie. Standard library only."""
import calendar, hashlib, hmac, http.client, http.server, os, random, shutil, socketserver, subprocess, tempfile, threading, time, urllib.request
from weir import ROOT, free_port

KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret123"}
EMPTY = hashlib.sha256(b"").hexdigest()

class S3:
    """The server, in a folder of its own, with one bucket. Objects are files: `path(key)`."""
    def __init__(self, bucket="weir-test"):
        self.folder, self.bucket, self.port = tempfile.mkdtemp(prefix="weir-s3-"), bucket, free_port()
        self.tool = os.path.join(ROOT, "scripts", "services", "s3")
        self.start()
        self.make_bucket()
    url = property(lambda self: "http://127.0.0.1:%d" % self.port)
    def start(self): subprocess.run([self.tool, "start", self.folder, str(self.port)], check=True, stdout=subprocess.DEVNULL)
    def kill(self): subprocess.run([self.tool, "kill", self.folder], check=True)
    def make_bucket(self):
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        host = "127.0.0.1:%d" % self.port
        canonical = "PUT\n/%s\n\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n\nhost;x-amz-content-sha256;x-amz-date\n%s" % (self.bucket, host, EMPTY, now, EMPTY)
        scope = now[:8] + "/us-east-1/s3/aws4_request"
        key = ("AWS4" + KEYS["AWS_SECRET_ACCESS_KEY"]).encode()
        for part in (now[:8], "us-east-1", "s3", "aws4_request"): key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        sign = hmac.new(key, ("AWS4-HMAC-SHA256\n%s\n%s\n%s" % (now, scope, hashlib.sha256(canonical.encode()).hexdigest())).encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request(self.url + "/" + self.bucket, method="PUT", headers={"x-amz-date": now, "x-amz-content-sha256": EMPTY,
            "Authorization": "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=%s" % (KEYS["AWS_ACCESS_KEY_ID"], scope, sign)})
        urllib.request.urlopen(request, timeout=10).read()
    def path(self, key): return os.path.join(self.folder, "data", self.bucket, key)
    def keys(self, prefix=""):
        top, found = self.path(""), []
        for folder, _, files in os.walk(top): found += [os.path.relpath(os.path.join(folder, f), top) for f in files]
        return sorted(k for k in found if k.startswith(prefix))
    def close(self):
        subprocess.run([self.tool, "stop", self.folder], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)
    def __enter__(self): return self
    def __exit__(self, *why): self.close()

class Proxy:
    """Between weir and the server. `faults`: chance of each per request; `requests`: a list of (method, path, range) of what went by.
    `down`: None, "503" (to all), "hang" (no answer while it lasts, none after) or "close". `choose(method, path)`: a fault's name, or None, before the chances.
    `skew`: seconds that its clock is ahead; it refuses who is more than 5 minutes off.
    `hook`: called with (method, path, when) of each request, `when` "before" the server has it and "after" it has done it, both before the answer."""
    FAULTS = ("503", "503 though done", "cut answer", "no answer", "no answer though done", "slow", "409", "flipped")
    def __init__(self, s3, seed=1):
        self.down, self.choose, self.skew = None, None, 0
        self.s3, self.faults, self.requests, self.random, self.lock, self.told, self.hook = s3, {}, [], random.Random(seed), threading.Lock(), {}, lambda *_: None
        proxy = self
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def date_time_string(self, timestamp=None): return super().date_time_string(time.time() + proxy.skew)
            def handle_one_request(self):
                try: super().handle_one_request()
                except OSError: self.close_connection = True
            def do(self): proxy.serve(self)
            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do
        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads, request_queue_size = True, 128
        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
    url = property(lambda self: "http://127.0.0.1:%d" % self.server.server_address[1])
    def pick(self, method, path):
        found = self.choose(method, path) if self.choose else None
        if found: return found
        with self.lock:
            for fault, chance in self.faults.items():
                if self.random.random() < chance:
                    self.told[fault] = self.told.get(fault, 0) + 1
                    return fault
    def serve(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        with self.lock: self.requests.append((h.command, h.path, h.headers.get("Range")))
        self.hook(h.command, h.path, "before")
        down = self.down
        if down == "503": return self.answer(h, 503, {}, b"<Error><Code>SlowDown</Code></Error>")
        while down == "hang" and self.down == down: time.sleep(.02)
        if down: h.close_connection = True; return
        if self.skew:
            said = calendar.timegm(time.strptime(h.headers.get("x-amz-date"), "%Y%m%dT%H%M%SZ"))
            if abs(said - time.time() - self.skew) > 300: return self.answer(h, 403, {}, b"<Error><Code>RequestTimeTooSkewed</Code></Error>")
        fault = self.pick(h.command, h.path)
        if fault == "307": return self.answer(h, 307, {"Location": self.s3.url + h.path}, b"<Error><Code>TemporaryRedirect</Code></Error>")
        if fault in ("503", "409"): return self.answer(h, int(fault), {}, b"<Error><Code>SlowDown</Code></Error>")
        if fault == "no answer": h.close_connection = True; return
        if fault == "slow": time.sleep(1)
        if fault == "very slow": time.sleep(3)
        c = http.client.HTTPConnection("127.0.0.1", self.s3.port, timeout=30)
        try:
            c.request(h.command, h.path, body, dict(h.headers))
            r = c.getresponse()
            data, status, headers = r.read(), r.status, dict(r.getheaders())
        except OSError: h.close_connection = True; return
        finally: c.close()
        self.hook(h.command, h.path, "after")
        if fault == "503 though done": return self.answer(h, 503, {}, b"<Error><Code>InternalError</Code></Error>")
        if fault == "no answer though done": h.close_connection = True; return
        if fault == "flipped" and data and h.command == "GET" and status < 300: data = bytes([data[0] ^ 1]) + data[1:]
        self.answer(h, status, headers, data, cut=fault == "cut answer")
    def answer(self, h, status, headers, data, cut=False):
        h.send_response(status)
        for k, v in headers.items():
            if k.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"): h.send_header(k, v)
        h.send_header("Content-Length", headers.get("Content-Length", "0") if h.command == "HEAD" else str(len(data)))
        h.end_headers()
        if h.command != "HEAD": h.wfile.write(data[:len(data) // 2] if cut else data)
        if cut: h.close_connection = True
    def close(self): self.server.shutdown(); self.server.server_close()
    def __enter__(self): return self
    def __exit__(self, *why): self.close()
