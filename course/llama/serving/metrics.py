"""What the server counts, in the text format of Prometheus. Names that llama-server has too mean the same here.

llamacpp:requests_processing      gauge    requests in a slot
llamacpp:requests_deferred        gauge    requests that wait for one
llamacpp:prompt_tokens_total      counter  tokens of prompts, read
llamacpp:tokens_predicted_total   counter  tokens written
llamacpp:n_decode_total           counter  steps: calls of llama_decode
two_bills:step_seconds            summary  seconds of a step (_sum) and how many there were (_count), by
                                           sequences (how many took part) and reads ("yes": it read of a prompt)
"""

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from course.llama.serving.batching import Counts

CONTENT_TYPE = CONTENT_TYPE_LATEST


def text(counts: Counts, *, processing: int, deferred: int) -> bytes:
    """The page that /metrics gives."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(list(_families(counts, processing, deferred))))
    return generate_latest(registry)


class _Metrics:
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _families(counts: Counts, processing: int, deferred: int) -> Iterator[Metric]:
    steps = dict(counts.steps)
    yield GaugeMetricFamily("llamacpp:requests_processing", "Requests in a slot.", value=processing)
    yield GaugeMetricFamily("llamacpp:requests_deferred", "Requests that wait for a slot.", value=deferred)
    yield CounterMetricFamily("llamacpp:prompt_tokens", "Tokens of prompts, read.", value=counts.prompt_tokens)
    yield CounterMetricFamily("llamacpp:tokens_predicted", "Tokens written.", value=counts.written_tokens)
    yield CounterMetricFamily("llamacpp:n_decode", "Steps.", value=sum(n for n, _ in steps.values()))
    summary = SummaryMetricFamily(
        "two_bills:step_seconds", "Seconds of steps, by who took part.", labels=["sequences", "reads"]
    )
    for (sequences, reads), (n, seconds) in sorted(steps.items()):
        summary.add_metric([str(sequences), "yes" if reads else "no"], count_value=n, sum_value=seconds)
    yield summary
