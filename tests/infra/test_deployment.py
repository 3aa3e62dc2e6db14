"""Compose file, image and manifests by their schemas and by what we ask of them; none of them is run here."""

import json
import re
from importlib.resources import files
from pathlib import Path

import compose_spec
import kubernetes_validate
import pytest
import yaml

from streams.cli import COMMANDS
from streams.settings import Settings

INFRA = Path(str(files("infra")))
KUBERNETES = sorted(path for path in (INFRA / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml")
OBJECTS = [document for path in KUBERNETES for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
PODS = {each["metadata"]["name"]: each["spec"]["template"] for each in OBJECTS if "template" in each.get("spec", {})}
COMPOSE_TEXT = (INFRA / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"].startswith("rtm:")}


def with_variables(text):
    """As Compose puts variables in: `${NAME:-default}` and `${NAME:?why}`."""
    return re.sub(r"\$\{\w+:(?:-([^}]*)|\?[^}]*)\}", lambda found: found[1] or "value", text)


def test_the_compose_file_is_one_by_its_specification():
    known = compose_spec.PyCompose.from_json(json.dumps(yaml.safe_load(with_variables(COMPOSE_TEXT))))
    assert set(known.service_names()) == set(COMPOSE["services"])


def test_nothing_has_a_default_password():
    secret = re.compile(r"\$\{\w*(?:PASSWORD|SECRET|TOKEN)\w*(:?[^}]*)\}")
    found = secret.findall(COMPOSE_TEXT)
    assert found
    assert all(rest.startswith(":?") for rest in found)
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("${")


def test_all_ports_are_on_loopback():
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", [name for name in COMPOSE["services"] if name not in {"topics", "migrate"}])
def test_what_keeps_running_has_a_health_check_and_comes_back(name):
    assert COMPOSE["services"][name]["healthcheck"]["test"][0] == "CMD"
    assert COMPOSE["services"][name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_our_roles_are_commands_without_rights(name):
    assert OURS[name]["command"][0] in COMMANDS
    assert OURS[name]["read_only"]
    assert OURS[name]["cap_drop"] == ["ALL"]


@pytest.mark.parametrize(
    "path", [mount.split(":")[0] for each in COMPOSE["services"].values() for mount in each.get("volumes", []) if mount[0] == "."]
)
def test_what_is_mounted_is_there(path):
    assert (INFRA / path).exists()


def settings_named():
    for service in OURS.values():
        yield from (name for name in service["environment"] if name.startswith("RTM_"))
    for each in OBJECTS:
        yield from (name for name in each.get("data", {}))
    for pod in PODS.values():
        for container in pod["spec"]["containers"]:
            yield from (each["name"] for each in container.get("env", []) if each["name"].startswith("RTM_"))


def test_every_setting_is_one():
    known = {f"RTM_{name.upper()}" for name in Settings.model_fields}
    assert set(settings_named()) <= known


def test_the_image_runs_as_nobody_and_holds_no_secret():
    text = (INFRA / "Dockerfile").read_text(encoding="utf-8")
    assert text.count("\nFROM ") == 2
    assert "\nUSER 10001\n" in text
    assert "--require-hashes" in text
    assert not re.search(r"PASSWORD|TOKEN|SECRET", text)
    assert [
        word
        for word in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
        for word in word.split()
        if not (INFRA.parent / word).exists()
    ] == []


def test_grafana_asks_as_a_user_that_only_reads():
    text = (INFRA / "clickhouse" / "users.d" / "rtm_grafana.xml").read_text(encoding="utf-8")
    assert "<readonly>2</readonly>" in text
    assert 'from_env="RTM_GRAFANA_PASSWORD"' in text
    source = yaml.safe_load((INFRA / "grafana" / "provisioning" / "datasources" / "clickhouse.yaml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["uid"] == "rtm-clickhouse"
    needed = {word[1:] for word in re.findall(r"\$\w+", json.dumps(source))}
    assert needed <= set(COMPOSE["services"]["grafana"]["environment"])
    provider = yaml.safe_load((INFRA / "grafana" / "provisioning" / "dashboards" / "rtm.yaml").read_text(encoding="utf-8"))
    mounts = [mount.split(":")[1] for mount in COMPOSE["services"]["grafana"]["volumes"]]
    assert provider["providers"][0]["options"]["path"] in mounts


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("document", OBJECTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_manifest_is_one_by_kubernetes_schema(document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_a_manifest_with_an_unknown_field_is_none():
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**OBJECTS[-1], "specs": {}}, "1.37", strict=True)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_and_its_limits(name):
    pod = PODS[name]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        assert container["args"][0] in COMMANDS
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert container["resources"]["limits"]["memory"]
        for each in container.get("env", []):
            assert "DSN" not in each.get("value", "").upper()
            assert "://" not in each.get("value", "")


@pytest.mark.parametrize(
    "each", [each for each in OBJECTS if each["kind"] in {"Deployment", "StatefulSet"}], ids=lambda each: each["metadata"]["name"]
)
def test_what_keeps_running_is_probed_and_selected(each):
    template = each["spec"]["template"]
    wanted = each["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= template["metadata"]["labels"].items()
    container = template["spec"]["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    volumes = {volume["name"] for volume in template["spec"].get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", [])}
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_workers_keep_their_name_in_the_group_and_their_disk():
    faust = pytest.importorskip("faust")
    worker = next(each for each in OBJECTS if each["kind"] == "StatefulSet")
    named = {each["name"]: each["valueFrom"] for each in worker["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert named["CONSUMER_GROUP_INSTANCE_ID"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert faust.Settings.SETTINGS["consumer_group_instance_id"].env_name == "CONSUMER_GROUP_INSTANCE_ID"
    assert worker["spec"]["serviceName"] in {each["metadata"]["name"] for each in OBJECTS if each["kind"] == "Service"}
    assert worker["spec"]["volumeClaimTemplates"]


def test_the_kustomization_names_every_manifest():
    held = yaml.safe_load((INFRA / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8"))
    assert sorted(held["resources"]) == [path.name for path in KUBERNETES]
