"""What a server says of itself: read from its /metrics, and nothing where there is none."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from course.llama import gauge
from course.llama.gauge import Gauge, Steps


def test_steps_are_what_has_come_between_two_looks() -> None:
    def samples(*rows: tuple[str, str, int, float]) -> dict:
        found = {("llamacpp:n_decode_total", "", ""): 1.0}
        for sequences, reads, n, seconds in rows:
            found["two_bills:step_seconds_count", sequences, reads] = float(n)
            found["two_bills:step_seconds_sum", sequences, reads] = seconds
        return found

    before = samples(("1", "no", 4, 0.25), ("2", "no", 3, 0.5))
    after = samples(("1", "no", 10, 1.0), ("2", "no", 3, 0.5), ("12", "no", 1, 2.0), ("2", "yes", 2, 0.75))
    assert gauge._steps(before, after) == [
        Steps(1, reads=False, n=6, seconds=0.75),
        Steps(2, reads=True, n=2, seconds=0.75),
        Steps(12, reads=False, n=1, seconds=2.0),
    ]


def test_a_server_without_metrics_has_an_empty_gauge() -> None:
    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(501)

        def log_message(self, *said) -> None:
            pass

    async def look(url: str) -> Gauge:
        async with httpx.AsyncClient(base_url=url) as client, gauge.watched(client, lambda: 0.0) as found:
            await asyncio.sleep(0.3)
        return found

    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as nothing:
        threading.Thread(target=nothing.serve_forever, daemon=True).start()
        try:
            found = asyncio.run(look(f"http://127.0.0.1:{nothing.server_address[1]}"))
        finally:
            nothing.shutdown()
    assert found == Gauge()
