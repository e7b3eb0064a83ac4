-- What the bank moved per payment, from lines that belong to exactly one. Debits may be written negative.
WITH single AS (
    SELECT line_key, MIN(reference) AS reference
    FROM recon_statement_links
    WHERE NOT by_settlement
    GROUP BY line_key
    HAVING COUNT(*) = 1
)
SELECT single.reference, ABS(SUM(line.amount)) AS amount, CAST(SUM(line.row_count) AS BIGINT) AS row_count
FROM single
JOIN recon_statement_lines AS line ON line.line_key = single.line_key
GROUP BY single.reference
