"""Tasks as Airflow's Druid operator runs them: posts the JSON, polls <url>/<id>/status until SUCCESS or FAILED, shuts the task down when it takes too long. The requests are
those of its hook, one after the other; Airflow itself is not installed."""
import json, time, urllib.error, urllib.request
import rows

class Failed(Exception): pass

def ask(method, url, body=None):
    r = urllib.request.Request(url, data=body, method=method, headers={"content-type": "application/json"} if body is not None else {})
    try:
        with urllib.request.urlopen(r, timeout=120) as answer: return answer.status, answer.read()
    except urllib.error.HTTPError as e: return e.code, e.read()

def submit_indexing_job(url, spec, poll=.05, max_seconds=None):
    """The id of the task that succeeded."""
    status, body = ask("POST", url, spec.encode())
    if not 200 <= status < 300: raise Failed("not accepted: %d %s" % (status, body))
    task, began = json.loads(body)["task"], time.time()
    while True:
        _, body = ask("GET", "%s/%s/status" % (url, task))
        if max_seconds is not None and time.time() - began > max_seconds:
            ask("POST", "%s/%s/shutdown" % (url, task), b"")
            raise Failed("took more than %s seconds: %s" % (max_seconds, task))
        time.sleep(poll)
        state = json.loads(body)["status"]["status"]
        if state == "SUCCESS": return task
        if state == "FAILED": raise Failed("failed: %s" % task)
        if state != "RUNNING": raise Failed("state %s" % state)

def task_of(lines, table="airflow", append=False, **more):
    schema = dict(rows.SPEC["spec"]["dataSchema"], dataSource=table)
    return {"type": "index_parallel", "spec": {"dataSchema": schema, "ioConfig": {"type": "index_parallel", "appendToExisting": append, "inputFormat": {"type": "json"},
            "inputSource": {"type": "inline", "data": "".join(json.dumps(r) + "\n" for r in lines)}}, "tuningConfig": {"type": "index_parallel", **more}}}

def main(url):
    tasks = url + "/druid/indexer/v1/task"
    passed = failed = 0
    def check(name, ok):
        nonlocal passed, failed
        passed, failed = passed + bool(ok), failed + (not ok)
        if not ok: print("FAIL airflow: " + name)
    def count():
        _, body = ask("POST", url + "/druid/v2", json.dumps({"queryType": "timeseries", "dataSource": "airflow", "granularity": "all", "intervals": "0000/3000",
                                                            "aggregations": [{"type": "count", "name": "n"}]}).encode())
        answer = json.loads(body)
        return answer[0]["result"]["n"] or 0 if answer else 0
    def status(task): return json.loads(ask("GET", "%s/%s/status" % (tasks, task))[1])["status"]
    lines = list(rows.rows())[:200]
    task = submit_indexing_job(tasks, json.dumps(task_of(lines)))
    check("a task that succeeded shows its rows", count() == 200)
    check("its id is drawn as Druid's", task.startswith("index_parallel_airflow_"))
    submit_indexing_job(tasks, json.dumps(task_of(lines)))
    check("run again, it replaces them", count() == 200)
    submit_indexing_job(tasks, json.dumps(task_of(lines[:50], append=True)))
    check("or appends", count() == 250)
    again = json.dumps(dict(task_of(lines, append=True), id="once"))
    submit_indexing_job(tasks, again)
    code, body = ask("POST", tasks, again.encode())
    check("an id that is there is refused", code == 400 and json.loads(body)["errorCode"] == "entryAlreadyExists" and count() == 450)
    bad = task_of(lines, append=True, maxParseExceptions=0, maxSavedParseExceptions=2)
    bad["spec"]["ioConfig"]["inputSource"]["data"] += "{broken\n"
    bad["id"] = "bad"
    try: submit_indexing_job(tasks, json.dumps(bad)); check("bad rows fail the task", False)
    except Failed: check("bad rows fail the task", "Max parse exceptions[0] exceeded" in status("bad")["errorMsg"] and count() == 450)
    report = json.loads(ask("GET", tasks + "/bad/reports")[1])["ingestionStatsAndErrors"]["payload"]
    check("the report shows them", report["rowStats"]["buildSegments"]["unparseable"] == 1 and report["unparseableEvents"]["buildSegments"][0]["input"] == "{broken")
    try: submit_indexing_job(tasks, json.dumps({"type": "noop", "id": "slow", "runTime": 60000}), max_seconds=.2); check("a slow task is shut down", False)
    except Failed:
        end = time.time() + 60
        while status("slow")["status"] == "RUNNING" and time.time() < end: time.sleep(.02)
        check("a slow task is shut down", status("slow")["status"] == "FAILED" and status("slow")["errorMsg"] == "Shutdown request from user")
    code, body = ask("GET", tasks + "/unknown/status")
    check("an unknown task is not found", code == 404 and body == b"Cannot find any task with id: [unknown]")
    print("airflow's requests: %d passed, %d failed" % (passed, failed))
    return passed, failed
