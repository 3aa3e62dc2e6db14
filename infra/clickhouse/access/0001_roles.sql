-- Roles for a ClickHouse server; give them to users of your own: GRANT rtm_grafana TO grafana. Applied by `rtm migrate --access`.
-- chDB has no users, roles or row policies: whoever can read its folder reads everything in it.

CREATE ROLE IF NOT EXISTS rtm_writer;
CREATE ROLE IF NOT EXISTS rtm_clinic;
CREATE ROLE IF NOT EXISTS rtm_analyst;
CREATE ROLE IF NOT EXISTS rtm_grafana;

-- rtm migrate, rtm sink, rtm replay, rtm forget: all of the database, nothing beside it; CLUSTER is the right to say ON CLUSTER.
GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE ON rtm.* TO rtm_writer;
GRANT CLUSTER ON *.* TO rtm_writer;

-- Grafana: reads all but who is being erased; a panel that goes astray ends by itself.
GRANT SELECT ON rtm.* TO rtm_grafana;
REVOKE SELECT ON rtm.erasures FROM rtm_grafana;
REVOKE SELECT ON rtm.forgotten FROM rtm_grafana;
CREATE SETTINGS PROFILE IF NOT EXISTS rtm_grafana SETTINGS
    readonly = 2,
    max_execution_time = 30 MAX 60,
    max_rows_to_read = 200000000 MAX 1000000000,
    max_result_rows = 100000 MAX 1000000,
    max_memory_usage = 4000000000 MAX 8000000000
TO rtm_grafana;

-- People: they read, for longer.
CREATE SETTINGS PROFILE IF NOT EXISTS rtm_people SETTINGS
    readonly = 2,
    max_execution_time = 300 MAX 600,
    max_result_rows = 10000000 MAX 10000000,
    max_memory_usage = 8000000000 MAX 16000000000
TO rtm_clinic, rtm_analyst;
