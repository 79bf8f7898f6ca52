"""The faults: a table of name, weight and function. A function applies its fault, waits, ends it, and returns whether its effect was seen; it
runs on a thread of its own beside others. What two faults must not hold at once (a process, the broker, the disk) has a lock. Standard library only."""
import os, random, shutil, signal, threading, time

class Fault:
    """One fault: what it was, when, and what became of it."""
    def __init__(self, number, name, begun): self.number, self.name, self.begun, self.ended, self.seen, self.detail, self.settles = number, name, begun, None, False, "", 0.0
    def __str__(self): return "%8.2f  #%-4d %-24s %s %s" % (self.begun, self.number, self.name, "to %.2f%s" % (self.ended, "" if self.seen else ", no effect seen") if self.ended else "under way", self.detail)

class Busy(Exception):
    """What the fault needs is under another one."""

KINDS = []
def fault(name, weight):
    def put(f): KINDS.append((name, weight, f)); return f
    return put

class Fire:
    """Draws faults from the seed and runs them."""
    def __init__(self, world):
        self.world, self.random = world, random.Random(world.options.seed)
        self.all, self.threads, self.lock = [], [], threading.Lock()
        self.locks = {n: threading.Lock() for n in ("a", "b", "broker", "s3", "disk")}
        self.settled = time.time() # when the effect of the last fault that ended is over by what is promised
    def hold(self, name):
        """A lock for `with`, or Busy."""
        if not self.locks[name].acquire(blocking=False): raise Busy(name)
        return Held(self.locks[name])
    def seen(self): return sum(f.seen for f in self.all)
    def quiet(self): self.threads = [t for t in self.threads if t.is_alive()]; return not self.threads
    def draw(self):
        kinds = [k for k in KINDS if not self.world.options.only or k[0] in self.world.options.only]
        name, _, f = self.random.choices(kinds, [k[1] for k in kinds])[0]
        r = random.Random(self.random.random()) # what the fault draws hangs on the seed alone
        record = Fault(len(self.all) + 1, name, self.world.at())
        def run():
            try: record.seen = bool(f(self, r, record))
            except Busy: return
            except Exception as e: self.world.fail("fault %s: %s: %s" % (name, type(e).__name__, e))
            record.ended = self.world.at()
            self.settled = max(self.settled, time.time() + record.settles)
        with self.lock: self.all.append(record)
        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()
        thread.join(.02)
        if not thread.is_alive() and record.ended is None: # it could not be: not a fault
            with self.lock: self.all.remove(record)

class Held:
    def __init__(self, lock): self.lock = lock
    def __enter__(self): return self
    def __exit__(self, *why): self.lock.release()

def pause(fire, seconds):
    """Sleeps, but not past the end of the run."""
    end = time.time() + seconds
    while time.time() < end and not fire.world.failure: time.sleep(min(.05, max(0, end - time.time())))

def living(fire, r):
    """A node that serves, held, or Busy."""
    names = ["a", "b"] if fire.world.b.alive() and r.random() < .4 else ["a"]
    return getattr(fire.world, names[-1]), fire.hold(names[-1])

@fault("kill weir", 8)
def kill_weir(fire, r, record):
    node, held = living(fire, r)
    with held:
        if not node.alive(): raise Busy("it is not up")
        pause(fire, r.random() * .5)
        node.kill()
        if r.random() < .3: pause(fire, r.random())
        node.start()
        record.detail = node.name
        return True

@fault("kill weir, disk lost", 3)
def kill_weir_disk_lost(fire, r, record):
    node, held = living(fire, r)
    with held:
        if not node.alive(): raise Busy("it is not up")
        node.kill()
        shutil.rmtree(node.data, ignore_errors=True)
        node.start()
        node.first_answer() # which fetches all that it reads
        record.detail = "%s, first answer after %.1f s" % (node.name, node.first_s or 0)
        return True

@fault("restart weir", 5)
def restart_weir(fire, r, record):
    node, held = living(fire, r)
    with held:
        if not node.alive(): raise Busy("it is not up")
        node.term()
        node.start()
        record.detail = node.name
        return True

@fault("pause weir", 6)
def pause_weir(fire, r, record):
    node, held = living(fire, r)
    with held:
        if not node.alive(): raise Busy("it is not up")
        seconds = r.choice([.3, 1, 2, 4, 8]) * (.5 + r.random())
        node.process.send_signal(signal.SIGSTOP)
        pause(fire, seconds)
        node.process.send_signal(signal.SIGCONT)
        record.detail, record.settles = "%s, %.1f s" % (node.name, seconds), 6.0 if seconds > 5 else 0.0
        return True

@fault("second weir", 5)
def second_weir(fire, r, record):
    with fire.hold("b"):
        w, b = fire.world, fire.world.b
        if b.process and b.process.poll() is None: raise Busy("it is up")
        if r.random() < .5: shutil.rmtree(b.data, ignore_errors=True)
        b.start()
    pause(fire, 1 + r.random() * 10)
    while not fire.locks["b"].acquire(timeout=.05): pass
    with Held(fire.locks["b"]):
        gentle, begun = r.random() < .5, time.time()
        if b.process.poll() is None:
            if gentle: b.term()
            else: b.kill()
        silent = gentle and w.served_at > begun # it could not tell the broker that it goes: its session ends later
        record.detail, record.settles = ("stopped while the broker was away" if silent else "stopped" if gentle else "killed"), 1.0 if gentle and not silent else 6.5
        return True

@fault("kill broker", 2)
def kill_broker(fire, r, record):
    """Over when the broker leads the topic's partitions and answers for weir's group: its process is up some seconds before. Where it has a
    member on its disk that is not alive any more (killed, or gone while the broker was away), that one has its session, 6 s, from the start again."""
    with fire.hold("broker"):
        fire.world.served_at = float("inf")
        fire.world.kafka.kill()
        pause(fire, r.random() * 2)
        fire.world.kafka.start()
        up = time.time()
        dead = fire.world.broker_serves()
        fire.world.served_at = time.time()
        record.detail, record.settles = "served %.1f s after it was up%s" % (time.time() - up, ", with a dead member" if dead else ""), 6.5 if dead else 0.0
        return True

@fault("pause broker", 3)
def pause_broker(fire, r, record):
    with fire.hold("broker"): return pause_by_file(fire, os.path.join(fire.world.kafka.folder, "kafka.pid"), r.choice([.3, 1, 3]) * (.5 + r.random()), record)

@fault("kill S3", 6)
def kill_s3(fire, r, record):
    with fire.hold("s3"):
        fire.world.s3.kill()
        pause(fire, r.choice([.1, .5, 2, 5]) * (.5 + r.random()))
        fire.world.s3.start()
        return True

@fault("pause S3", 4)
def pause_s3(fire, r, record):
    with fire.hold("s3"): return pause_by_file(fire, os.path.join(fire.world.s3.folder, "s3.pid"), r.choice([.3, 1, 3]) * (.5 + r.random()), record)

def pause_by_file(fire, path, seconds, record):
    pid = int(open(path).read())
    os.kill(pid, signal.SIGSTOP)
    pause(fire, seconds)
    os.kill(pid, signal.SIGCONT)
    record.detail = "%.1f s" % seconds
    return True

@fault("full disk", 5)
def full_disk(fire, r, record):
    if not fire.world.mounted: raise Busy("no small file system")
    with fire.hold("disk"):
        path, full = os.path.join(fire.world.disk, "filler"), False
        end = time.time() + .5 + r.random() * 3
        try:
            with open(path, "wb") as f:
                while time.time() < end and not fire.world.failure:
                    try: f.write(b"\1" * (1 << 18)); f.flush()
                    except OSError: full = True; time.sleep(.01)
        except OSError: full = True
        finally: os.path.exists(path) and os.remove(path)
        return full

def lie(kind, fits, hold=(0, 0)):
    """A fault of the proxy: a few requests in a row (or with others between) get it."""
    def apply(fire, r, record):
        f = fire.world.proxy.lie(kind, r.choice([1, 1, 2, 3, 8, 20]), fits, r.uniform(*hold))
        end = time.time() + r.choice([2, 4, 6])
        while time.time() < end and f["left"] and not fire.world.failure: time.sleep(.02)
        fire.world.proxy.stop_lying(f)
        record.detail = "%d requests" % f["hits"]
        return f["hits"] > 0
    return apply

anything = lambda method, path: True
puts = lambda method, path: method in ("PUT", "POST")
commits = lambda method, path: method == "PUT" and "/log/" in path
segments = lambda method, path: "/segments/" in path
gets = lambda method, path: method == "GET" and ("/segments/" in path or "/log/" in path or "/checkpoints/" in path) and "list-type" not in path # objects: their checksums find it
for name, weight, f in (
    ("S3 503", 8, lie("503", anything)), ("S3 503 on commits", 4, lie("503", commits)), ("S3 503 though done", 6, lie("503 though done", puts)), ("S3 commit 503 though done", 5, lie("503 though done", commits)),
    ("S3 409", 4, lie("409", puts)), ("S3 409 though done", 4, lie("409 though done", commits)), ("S3 412", 3, lie("412", commits)), ("S3 412 though done", 5, lie("412 though done", commits)),
    ("S3 no answer", 5, lie("no answer", anything)), ("S3 no answer though done", 7, lie("no answer though done", puts)), ("S3 hangs", 3, lie("hang", anything, (2, 12))), ("S3 hangs though done", 3, lie("no answer though done", puts, (2, 12))),
    ("S3 half bodies", 5, lie("cut", gets)), ("S3 flipped bytes", 5, lie("flipped", gets)), ("S3 slow", 6, lie("slow", anything, (.2, 3))), ("S3 500 on segments", 4, lie("500", segments))):
    KINDS.append((name, weight, f))
