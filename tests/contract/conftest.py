"""The fixture `runtime`: every case runs over the embedded and over the Kafka runtime."""

import pytest

from streams.kafka.topics import declare
from tests.conftest import empty
from tests.contract.runtimes import GROUP, PARTITIONS, Embedded, Live


@pytest.fixture(scope="session")
def live(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Live:
    empty(kafka)
    assert not declare(kafka, partitions=PARTITIONS, group=GROUP, generation=1).differences
    return Live(kafka, tmp_path_factory.mktemp("contract"))


@pytest.fixture(params=[pytest.param("embedded"), pytest.param("kafka", marks=pytest.mark.xdist_group("kafka contract"))])
def runtime(request: pytest.FixtureRequest):
    return Embedded() if request.param == "embedded" else request.getfixturevalue("live")
