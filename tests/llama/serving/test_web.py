"""The whole server, as clients meet it: a child process, the course's own model, one thread, loopback."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from course.llama import generate, server
from course.llama.server import Server
from course.llama.serving import web

PROMPT = "def mean(values):\n    return "
LONG = {"prompt": PROMPT, "max_tokens": 480, "temperature": 0, "ignore_eos": True}


@pytest.fixture(scope="module")
def serving() -> Iterator[Server]:
    with server.started("two-bills-code", slots=4, n_threads=1) as found:
        yield found


@pytest.fixture
def client(serving: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serving.url, timeout=60) as found:
        yield found


def metrics(client: httpx.Client) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def in_system(client: httpx.Client) -> float:
    now = metrics(client)
    return now["llamacpp:requests_processing"] + now["llamacpp:requests_deferred"]


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def events(client: httpx.Client, **fields) -> list[dict]:
    with client.stream("POST", "/v1/completions", json={**fields, "stream": True}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def error(response: httpx.Response) -> dict:
    found = response.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found


def test_a_completion_is_what_course_complete_writes(client, code) -> None:
    expected = generate.complete(PROMPT, model=code, max_tokens=20, n_threads=1)
    found = client.post("/v1/completions", json={"prompt": PROMPT, "max_tokens": 20, "temperature": 0}).json()
    (choice,) = found["choices"]
    assert choice["text"] == expected.text
    n = found["usage"]["prompt_tokens"]
    assert found["usage"] == {
        "prompt_tokens": n,
        "completion_tokens": expected.n_tokens,
        "total_tokens": n + expected.n_tokens,
    }
    assert choice["finish_reason"] == ("length" if expected.n_tokens == 20 else "stop")
    assert (found["object"], found["model"]) == ("text_completion", "two-bills-code")


def test_a_stream_says_the_same_in_pieces(client) -> None:
    fields = {"prompt": PROMPT, "max_tokens": 20, "temperature": 0}
    whole = client.post("/v1/completions", json=fields).json()
    *chunks, last = events(client, **fields, stream_options={"include_usage": True})
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole["choices"][0]["text"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert (last["choices"], last["usage"]) == ([], whole["usage"])
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_tokens_are_as_good_as_their_text(client) -> None:
    fields = {"max_tokens": 8, "temperature": 0}
    texts = [
        client.post("/v1/completions", json={"prompt": prompt, **fields}).json()["choices"] for prompt in ("a", [65])
    ]
    assert texts[0] == texts[1]


def test_seeds_stop_sequences_and_temperature_are_heeded(client) -> None:
    def text(**fields) -> str:
        asked = {"prompt": PROMPT, "max_tokens": 24, "ignore_eos": True, **fields}
        return client.post("/v1/completions", json=asked).json()["choices"][0]["text"]

    assert text(seed=1) == text(seed=1) != text(seed=2)
    assert text(temperature=0) == text(top_p=0)
    whole = text(temperature=0)
    stop = whole[len(whole) // 2 :][:3]
    assert text(temperature=0, stop=stop) == whole[: whole.index(stop)]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"prompt": ', 400, "We could not parse the JSON body"),
        ({"prompt": "x", "foo": 1}, 400, "Unknown parameter: 'foo'."),
        ({"prompt": "x", "model": "gpt-4o"}, 404, "The model 'gpt-4o' does not exist here: 'two-bills-code' does."),
        ({"prompt": [4096]}, 400, "Invalid token in 'prompt': 4096, and there are 4,096 of them."),
        ({"prompt": "a b " * 600}, 400, "maximum context length is 512 tokens"),
        ({"prompt": "a b", "max_tokens": 512}, 400, "However, you requested 51"),
    ],
)
def test_what_cannot_be_done_is_told_in_openai_s_shape(client, body, status, said) -> None:
    response = client.post("/v1/completions", content=body if isinstance(body, bytes) else json.dumps(body))
    assert response.status_code == status
    assert said in error(response)["message"]
    assert client.get("/health").json() == {"status": "ok"}


def test_a_model_that_does_not_chat_names_what_it_does(client) -> None:
    response = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
    assert response.status_code == 400
    assert error(response)["message"].endswith("was not trained to answer: at /v1/completions it continues a text")


def test_paths_and_methods_that_are_none_are_told(client) -> None:
    for method, path, status, said in (
        ("GET", "/v1/completions", 405, "Not allowed to GET on /v1/completions"),
        ("POST", "/health", 405, "Not allowed to POST on /health"),
        ("POST", "/v1/embeddings", 404, "Invalid URL (POST /v1/embeddings)"),
        ("GET", "/", 404, "Invalid URL (GET /)"),
    ):
        response = client.request(method, path)
        assert (response.status_code, error(response)["message"]) == (status, said)
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["two-bills-code"]


@pytest.mark.parametrize(
    ("method", "path", "n_bytes", "status"),
    [
        ("GET", "/v1/completions", 0, 405),
        ("PUT", "/v1/chat/completions", 2, 405),
        ("POST", "/v1/embeddings", 2, 404),
        ("POST", "/v1/completions", 2, 400),
        ("POST", "/v1/completions", 10_000_000, 413),
    ],
)
def test_a_refusal_leaves_the_connection_to_the_next_request(serving: Server, method, path, n_bytes, status) -> None:
    """A client that keeps its connection would lose its next request, and not know whether it was done."""
    with closing(HTTPConnection(serving.url.removeprefix("http://"), timeout=60)) as connection:
        connection.request(method, path, b" " * n_bytes)
        response = connection.getresponse()
        response.read()
        assert response.status == status
        first = connection.sock
        connection.request("GET", "/health")
        assert connection.sock is first
        assert connection.getresponse().status == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_are_refused_and_the_connection_stays(client, chunked) -> None:
    body = b'{"prompt": "' + b"a" * 10_000_000 + b'"}'
    content = (body[at : at + 2**16] for at in range(0, len(body), 2**16)) if chunked else body
    response = client.post("/v1/completions", content=content)
    assert response.status_code == 413
    assert error(response)["message"] == f"A request has at most {web.MOST_BYTES:,} bytes here."
    assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200


def test_the_longest_request_that_is_read_holds_up_nobody_for_long(client) -> None:
    tokens = {"prompt": [1] * 300_000}
    texts = {"prompt": " " * 1_000_000}
    for fields in (tokens, texts):
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.post, "/v1/completions", json=fields)
            assert client.get("/health", timeout=20).status_code == 200
            assert asked.result().status_code == 400


def test_thirty_clients_on_four_slots_are_all_answered(client) -> None:
    most, over = [0.0, 0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            now = metrics(client)
            most[0] = max(most[0], now["llamacpp:requests_processing"])
            most[1] = max(most[1], now["llamacpp:requests_deferred"])

    def ask(number: int) -> tuple[str, int]:
        prompt = ("def mean(values):\n", "class Stack:\n", "import ")[number % 3]
        fields = {"prompt": prompt, "max_tokens": 200, "temperature": 0, "ignore_eos": True}
        found = client.post("/v1/completions", json=fields, timeout=120).json()
        return found["choices"][0]["text"][:40], found["usage"]["completion_tokens"]

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(ask, range(30)))
    over.set()
    watcher.join()
    assert {n for _, n in answers} == {200}
    assert len(set(answers)) == 3, "the same prompt, the same answer, whoever else is there"
    assert most[0] == 4 and most[1] > 4
    assert in_system(client) == 0


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_frees_its_slot(client, serving, stream) -> None:
    before = metrics(client)["llamacpp:tokens_predicted_total"]
    gone = [_sent(serving, LONG | {"stream": stream}) for _ in range(6)]
    assert eventually(lambda: in_system(client) == 6 and metrics(client)["llamacpp:tokens_predicted_total"] > before)
    for one in gone:
        one.close()
    assert eventually(lambda: in_system(client) == 0)
    assert metrics(client)["llamacpp:tokens_predicted_total"] - before < 6 * LONG["max_tokens"]
    assert client.post("/v1/completions", json={"prompt": "a", "max_tokens": 4}).status_code == 200


def test_metrics_count_what_has_been_done(client) -> None:
    before = metrics(client)
    found = client.post("/v1/completions", json={"prompt": PROMPT, "max_tokens": 7, "ignore_eos": True}).json()
    after = metrics(client)
    more = {name.removeprefix("llamacpp:"): after[name] - before[name] for name in after}
    assert more["prompt_tokens_total"] == found["usage"]["prompt_tokens"]
    assert more["tokens_predicted_total"] == 7
    assert more["n_decode_total"] == 7, "the prompt's step gives the first token"
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")


def _sent(serving: Server, fields: dict) -> socket.socket:
    """A connection over which a request has been sent, and nothing read."""
    host, port = serving.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    body = json.dumps(fields).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection
