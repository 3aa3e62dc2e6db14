"""One statement of a migration, as a single server and chDB take it, in; the same for a cluster out: ON CLUSTER, Replicated engines.

The cluster is one shard of any number of replicas, with the macros `shard` and `replica` set as ClickHouse's defaults want them; each
replica holds everything. Tables that are spread over several shards are not made.
"""

from __future__ import annotations

import re

_NAMED = re.compile(
    r"\A(?P<head>CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|MATERIALIZED\s+VIEW|VIEW|DATABASE)\s+(?:IF\s+NOT\s+EXISTS\s+)?|ALTER\s+TABLE\s+"
    r"|DROP\s+(?:TABLE|VIEW)\s+(?:IF\s+EXISTS\s+)?)(?P<name>[A-Za-z_][\w.]*)",
    re.IGNORECASE,
)
_ACCESS = re.compile(
    r"\A(?P<head>CREATE\s+(?:ROLE|SETTINGS\s+PROFILE)\s+IF\s+NOT\s+EXISTS\s+)(?P<name>\w+)"
    r"|\A(?P<policy>CREATE\s+ROW\s+POLICY\s+IF\s+NOT\s+EXISTS\s+\w+)"
    r"|\A(?P<right>GRANT|REVOKE)\b",
    re.IGNORECASE,
)
_ENGINE = re.compile(r"^(?P<head>\s*ENGINE\s*=\s*)(?P<engine>(?:Replacing)?MergeTree\b)", re.IGNORECASE | re.MULTILINE)
_CLUSTER = re.compile(r"[A-Za-z_][\w-]*")


def for_cluster(statement: str, cluster: str) -> str:
    """The statement with ON CLUSTER and Replicated engines; unchanged where it makes, changes or grants nothing, or `cluster` is ''.

    >>> for_cluster("CREATE TABLE IF NOT EXISTS rtm.x (a UInt8)\\nENGINE = ReplacingMergeTree(a)\\nORDER BY a", "main")
    "CREATE TABLE IF NOT EXISTS rtm.x ON CLUSTER 'main' (a UInt8)\\nENGINE = ReplicatedReplacingMergeTree(a)\\nORDER BY a"

    ValueError for a cluster whose name is none.
    """
    if not cluster:
        return statement
    if not _CLUSTER.fullmatch(cluster):
        raise ValueError("a cluster's name is letters, digits, _ and -")
    on = f" ON CLUSTER '{cluster}'"
    if _NAMED.match(statement):
        placed = _NAMED.sub(lambda found: found[0] + on, statement, count=1)
        return _ENGINE.sub(lambda found: f"{found['head']}Replicated{found['engine']}", placed)
    return _ACCESS.sub(lambda found: found[0] + on, statement, count=1)
