-- Statement lines under one key each; lines that bear the same keys are one payment booked in parts.
WITH cleaned AS (
    SELECT
        reference,
        UPPER(REPLACE(reference, ' ', '')) AS reference_text,
        NULLIF(UPPER(TRIM(utr)), '') AS utr,
        NULLIF(UPPER(TRIM(transaction_id)), '') AS transaction_id,
        settlement_id,
        NULLIF(UPPER(TRIM(currency)), '') AS currency,
        amount,
        COALESCE(created_at, settled_at) AS created_at,
        CASE WHEN COALESCE(created_local, settled_local) THEN 1 ELSE 0 END AS created_local
    FROM recon_statement
)
SELECT
    MD5(
        COALESCE(utr, '') || '|' || COALESCE(transaction_id, '') || '|' || COALESCE(reference_text, '') || '|'
        || COALESCE(settlement_id, '') || '|' || COALESCE(currency, '')
    ) AS line_key,
    utr,
    transaction_id,
    reference_text,
    MIN(reference) AS reference,
    settlement_id,
    currency,
    COUNT(*) AS row_count,
    SUM(amount) AS amount,
    MIN(created_at) AS created_at,
    MIN(created_local) AS created_local
FROM cleaned
GROUP BY utr, transaction_id, reference_text, settlement_id, currency
