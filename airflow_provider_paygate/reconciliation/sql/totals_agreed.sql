-- The pairs that pass 1 set aside, counted on each side by itself: the two counts must be the same.
SELECT
    'ledger' AS side, currency, DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE)) AS lag_days,
    COUNT(*) AS row_count, SUM(amount) AS amount
FROM recon_ledger AS rows_of
WHERE
    NOT EXISTS (SELECT 1 FROM recon_by_reference AS seen WHERE seen.reference = rows_of.reference)
    AND NOT EXISTS (SELECT 1 FROM recon_duplicates AS repeated WHERE repeated.reference = rows_of.reference)
GROUP BY currency, DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE))
UNION ALL
SELECT
    'gateway' AS side, currency, DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE)) AS lag_days,
    COUNT(*) AS row_count, SUM(amount) AS amount
FROM recon_gateway AS rows_of
WHERE
    NOT EXISTS (SELECT 1 FROM recon_by_reference AS seen WHERE seen.reference = rows_of.reference)
    AND NOT EXISTS (SELECT 1 FROM recon_duplicates AS repeated WHERE repeated.reference = rows_of.reference)
GROUP BY currency, DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE))
