-- Repeated references, one row per reference, side and currency.
SELECT
    sides.reference, sides.side, sides.currency, COUNT(*) AS row_count, SUM(sides.amount) AS amount,
    MIN(COALESCE(words.status, NULLIF(UPPER(TRIM(sides.status)), ''))) AS word, MIN(sides.created_at) AS created_at,
    MIN(CASE WHEN sides.created_local THEN 1 ELSE 0 END) AS created_local
FROM (
    SELECT 'ledger' AS side, reference, currency, amount, status, created_at, created_local FROM recon_second_look_ledger
    UNION ALL
    SELECT 'gateway' AS side, reference, currency, amount, status, created_at, created_local FROM recon_second_look_gateway
) AS sides
JOIN recon_duplicates AS repeated ON repeated.reference = sides.reference
LEFT JOIN recon_status_words AS words ON words.word = UPPER(TRIM(sides.status))
GROUP BY sides.reference, sides.side, sides.currency
