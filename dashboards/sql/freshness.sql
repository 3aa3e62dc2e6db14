SELECT replaceAll(table_name, '_', ' ') AS what, sum(freshness.held) AS held, max(freshness.newest) AS newest, max(issued) AS made, min(behind_s) AS behind_s
FROM rtm.freshness
WHERE clinic_id IN (${clinic:singlequote})
GROUP BY table_name
ORDER BY behind_s, what
