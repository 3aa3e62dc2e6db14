"""A Grafana server: the folder, the datasource and the dashboards that should be there in; made, changed or left as they are.

Every call goes through grafana-api. What is as it should be is not written again, so that pushing twice does what pushing once does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace

from streams.grafana.difference import differences
from streams.warehouse.dsn import DATABASE, ServerAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FOLDER_UID, FOLDER_TITLE = "rtm", "Remote therapeutic monitoring"
DATASOURCE_UID, DATASOURCE_NAME, DATASOURCE_TYPE = "rtm-clickhouse", "RTM ClickHouse", "grafana-clickhouse-datasource"
MESSAGE = "rtm dashboards push"
TIMEOUT_S = 30.0
_NOT_FOUND = 404


class GrafanaError(Exception):
    """Grafana doesn't do what was asked: one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a thing: `made`, `changed` or `as it was`."""

    what: str
    how: str


class Grafana:
    """A server at `url`, spoken to with a service account's token. GrafanaError for whatever it refuses."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        self._where = f"{parts.scheme}://{parts.netloc}"
        self._face = GrafanaFace(
            token, host=parts.netloc, protocol=parts.scheme, url_path_prefix=f"{prefix}/" if prefix else "", timeout=TIMEOUT_S
        )

    def push(self, dashboards: Mapping[str, dict[str, Any]], datasource: ServerAddress | None) -> Iterator[Done]:
        """Make the server hold the folder, the datasource (where one is given) and the dashboards."""
        yield self._push_folder()
        if datasource is not None:
            yield self._push_datasource(datasource)
        for uid, wanted in dashboards.items():
            held = self._dashboard(uid)
            if held is not None and not self._told(wanted, held):
                yield Done(f"dashboard {uid}", "as it was")
                continue
            body = {"dashboard": {**wanted, "id": None}, "folderUid": FOLDER_UID, "overwrite": True, "message": MESSAGE}
            self._ask(lambda body=body: self._face.dashboard.update_dashboard(body))  # type: ignore[misc]
            yield Done(f"dashboard {uid}", "made" if held is None else "changed")

    def diff(self, dashboards: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
        """By dashboard, what differs between it and what the server holds; nothing where they are the same."""
        for uid, wanted in dashboards.items():
            held = self._dashboard(uid)
            yield uid, ["not on the server"] if held is None else self._told(wanted, held)

    def _told(self, wanted: dict[str, Any], held: dict[str, Any]) -> list[str]:
        found = differences(wanted, held["dashboard"])
        folder = held.get("meta", {}).get("folderUid", FOLDER_UID)
        return found if folder == FOLDER_UID else [f'folder: "{FOLDER_UID}" here, "{folder}" on the server', *found]

    def _push_folder(self) -> Done:
        if self._ask(lambda: self._face.folder.get_folder(FOLDER_UID), missing=True) is not None:
            return Done("folder", "as it was")
        self._ask(lambda: self._face.folder.create_folder(FOLDER_TITLE, FOLDER_UID))
        return Done("folder", "made")

    def _push_datasource(self, address: ServerAddress) -> Done:
        wanted: dict[str, Any] = {
            "uid": DATASOURCE_UID,
            "name": DATASOURCE_NAME,
            "type": DATASOURCE_TYPE,
            "access": "proxy",
            "jsonData": {
                "host": address.host,
                "port": address.port,
                "protocol": "http",
                "secure": address.secure,
                "username": address.user,
                "defaultDatabase": DATABASE,
            },
        }
        secret = {"secureJsonData": {"password": address.password}}
        listed = self._ask(self._face.datasource.list_datasources)
        held = next((each for each in listed if each.get("uid") == DATASOURCE_UID), None)
        if held is None:
            self._ask(lambda: self._face.datasource.create_datasource(wanted | secret))
            return Done("datasource", "made")
        whole = self._ask(lambda: self._face.api.GET(f"/datasources/uid/{DATASOURCE_UID}"))
        same = not differences(wanted, {name: whole.get(name) for name in wanted})
        if same and bool(whole.get("secureJsonFields", {}).get("password")) == bool(address.password):
            return Done("datasource", "as it was")  # the password itself can't be read back
        self._ask(lambda: self._face.datasource.update_datasource(f"uid/{DATASOURCE_UID}", wanted | secret))
        return Done("datasource", "changed")

    def _dashboard(self, uid: str) -> dict[str, Any] | None:
        held: dict[str, Any] | None = self._ask(lambda: self._face.dashboard.get_dashboard(uid), missing=True)
        return held

    def _ask(self, call: Callable[[], Any], *, missing: bool = False) -> Any:
        """Its answer; with `missing` None where the server has no such thing."""
        try:
            return call()
        except GrafanaException as error:
            if missing and error.status_code == _NOT_FOUND:
                return None
            if error.status_code in (401, 403):
                raise GrafanaError(
                    f"Grafana at {self._where} refuses the token ({error.status_code}): it must be a service account's that may write"
                    " folders, datasources and dashboards"
                ) from None
            raise GrafanaError(f"Grafana at {self._where} refuses: {' '.join(str(error.message).split())[:200]}") from None
        except requests.RequestException as error:
            raise GrafanaError(
                f"nothing that speaks Grafana's language answers at {self._where} ({type(error).__name__}): see RTM_GRAFANA"
            ) from None
