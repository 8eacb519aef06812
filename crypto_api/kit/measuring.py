"""What a process counts of its own work, for Prometheus. No label holds an organisation, a person or an address: whoever reads the figures learns
how the installation does, and nothing of whose money it is."""

from prometheus_client import Counter, Gauge, Histogram

REQUEST_S = Histogram(
    "coffer_http_request_seconds",
    "Time until a request was answered",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10),
)
JOB_S = Histogram("coffer_job_seconds", "Time that a job of the queue took", ["job", "outcome"], buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60))
LANES_STOPPED = Counter("coffer_lane_stopped_total", "Times that a lane of a worker ended by a failure and was started again", ["lane", "kind"])
LOOP_LATE_S = Histogram(
    "coffer_event_loop_late_seconds", "How late the event loop came to what was due", buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
)
STALLS = Counter("coffer_event_loop_stalls_total", "Times that a turn of the event loop took more than a tenth of a second", ["cause"])
SHED = Counter("coffer_http_shed_total", "Requests that were sent away because too many others were at work", ["reason"])
ADMITTED_RUNNING = Gauge("coffer_http_running", "Requests that this process is at work on, as far as they count against its bound")
ADMITTED_WAITING = Gauge("coffer_http_waiting", "Requests that wait until this process has a place for them")
CONSOLES = Gauge("coffer_consoles_open", "Consoles that this process serves")
