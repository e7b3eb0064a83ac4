-- Statement lines under one key each; lines that bear the same keys are one payment booked in parts.
SELECT
    MD5(
        COALESCE(UPPER(utr), '') || '|' || COALESCE(UPPER(transaction_id), '') || '|'
        || COALESCE(UPPER(REPLACE(reference, ' ', '')), '') || '|' || COALESCE(settlement_id, '') || '|'
        || COALESCE(UPPER(currency), '')
    ) AS line_key,
    UPPER(utr) AS utr,
    UPPER(transaction_id) AS transaction_id,
    UPPER(REPLACE(reference, ' ', '')) AS reference_text,
    MIN(reference) AS reference,
    settlement_id,
    UPPER(currency) AS currency,
    COUNT(*) AS row_count,
    SUM(amount) AS amount,
    MIN(COALESCE(created_at, settled_at)) AS created_at,
    MIN(CASE WHEN COALESCE(created_local, settled_local) THEN 1 ELSE 0 END) AS created_local
FROM recon_statement
GROUP BY UPPER(utr), UPPER(transaction_id), UPPER(REPLACE(reference, ' ', '')), settlement_id, UPPER(currency)
