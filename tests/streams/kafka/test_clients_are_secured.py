"""Every Kafka client of the product is made with the arguments of `client_arguments`: by TLS and a user where the settings say so."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = {
    "KafkaConsumer",
    "KafkaProducer",
    "KafkaAdminClient",
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AIOKafkaClient",
    "AIOKafkaAdminClient",
}
FILES = sorted((ROOT / "streams").rglob("*.py"))


def clients(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CLIENTS]


@pytest.mark.parametrize(
    "file", [file for file in FILES if clients(ast.parse(file.read_text()))], ids=lambda file: str(file.relative_to(ROOT))
)
def test_each_client_has_the_arguments_of_the_settings(file):
    for call in clients(ast.parse(file.read_text())):
        unpacked = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg is None]
        assert any(text.startswith("client_arguments(") for text in unpacked), f"{file.name}, line {call.lineno}"
