"""The twins' own tests: running twins, the providers' real clients, and somebody who receives webhooks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import sib_api_v3_sdk
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from vonage import Auth, HttpClientOptions, Vonage
from vonage_http_client.errors import HttpRequestError
from vonage_http_client.http_client import HttpClient

from tests.twins import BrevoTwin, Twins, VonageTwin
from tests.twins.http import Reply, Request, Response
from tests.twins.server import Server

Json = dict[str, Any]


@pytest.fixture(scope="session")
def running_twins() -> Iterator[Twins]:
    with Twins() as twins:
        yield twins


@pytest.fixture
def twins(running_twins: Twins, monkeypatch: pytest.MonkeyPatch) -> Twins:
    running_twins.reset()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running_twins.ca_file)
    return running_twins


@pytest.fixture
def vonage(twins: Twins) -> VonageTwin:
    return twins.vonage


@pytest.fixture
def brevo(twins: Twins) -> BrevoTwin:
    return twins.brevo


@pytest.fixture
def sdk(vonage: VonageTwin) -> Iterator[Vonage]:
    """The vonage package as it must be used: one connection, no hidden re-sends."""
    options = HttpClientOptions(api_host=vonage.host, rest_host=vonage.host, timeout=5, pool_maxsize=1, max_retries=0)
    auth = Auth(
        api_key=vonage.api_key,
        api_secret=vonage.api_secret,
        application_id=vonage.application_id,
        private_key=vonage.private_key_pem,
    )
    # A key object instead of the text: the package would read and check the PEM at each request, for 50 ms.
    auth._jwt_client._private_key = load_pem_private_key(vonage.private_key_pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    client = Vonage(auth, options)
    yield client
    client.http_client._session.close()


class Api:
    """The vonage package's HTTP client, with the paths of the Conversation API."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def post(self, path: str, body: Json | None = None) -> Json:
        answer: Json = self._http.post(self._http.api_host, path, body)
        return answer

    def get(self, path: str, query: Json | None = None) -> Json:
        answer: Json = self._http.get(self._http.api_host, path, query)
        return answer

    def put(self, path: str, body: Json) -> Json:
        answer: Json = self._http.put(self._http.api_host, path, body)
        return answer

    def patch(self, path: str, body: Json) -> Json:
        answer: Json = self._http.patch(self._http.api_host, path, body)
        return answer

    def delete(self, path: str) -> None:
        self._http.delete(self._http.api_host, path)


@pytest.fixture
def api(sdk: Vonage) -> Api:
    return Api(sdk.http_client)


@pytest.fixture
def anna(api: Api) -> Json:
    """A user at Vonage."""
    return api.post("/v1/users", {"name": "anna", "display_name": "Anna"})


@pytest.fixture
def events(api: Api) -> str:
    """The path of a new conversation's events."""
    return f"/v1/conversations/{api.post('/v1/conversations', {'name': 'support-anna'})['id']}/events"


@pytest.fixture
def refusal() -> Callable[[Callable[[], Any]], tuple[int, str]]:
    """The status and code with which the vonage package's call is refused."""

    def find(call: Callable[[], Any]) -> tuple[int, str]:
        with pytest.raises(HttpRequestError) as caught:
            call()
        return caught.value.response.status_code, caught.value.response.json()["code"]

    return find


@pytest.fixture
def mailer(brevo: BrevoTwin, twins: Twins) -> Iterator[sib_api_v3_sdk.ApiClient]:
    configuration = sib_api_v3_sdk.Configuration()
    configuration.host = brevo.url
    configuration.ssl_ca_cert = twins.ca_file
    configuration.api_key["api-key"] = brevo.api_key
    client = sib_api_v3_sdk.ApiClient(configuration)
    yield client
    client.rest_client.pool_manager.clear()


@pytest.fixture
def mail(mailer: sib_api_v3_sdk.ApiClient) -> sib_api_v3_sdk.TransactionalEmailsApi:
    return sib_api_v3_sdk.TransactionalEmailsApi(mailer)


@pytest.fixture
def http(twins: Twins) -> Iterator[requests.Session]:
    """Any HTTP client, trusting the twins' authority."""
    with requests.Session() as session:
        yield session


class Receiver:
    """Keeps what is posted to it. `statuses` are answered one after the other, then 200."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        self.answer = b"ok"
        self.server = Server(self._receive)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/hook"

    async def _receive(self, request: Request) -> Reply:
        self.requests.append(request)
        return Reply(Response(self.statuses.pop(0) if self.statuses else 200, self.answer))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.server.start()
    yield receiver
    receiver.server.stop()
