-- Gateway rows that pass 1 left open, their words and ids brought into one form.
SELECT
    side.reference,
    UPPER(REPLACE(REPLACE(REPLACE(side.reference, ' ', ''), CHR(9), ''), CHR(160), '')) AS reference_text,
    side.amount,
    NULLIF(UPPER(TRIM(side.currency)), '') AS currency,
    NULLIF(UPPER(TRIM(side.status)), '') AS status,
    NULLIF(UPPER(TRIM(side.transaction_id)), '') AS transaction_id,
    NULLIF(UPPER(TRIM(side.utr)), '') AS utr,
    side.created_at,
    side.created_local,
    side.settled_at,
    side.settled_local,
    side.fee,
    side.settlement_id
FROM recon_second_look_gateway AS side
JOIN recon_by_reference AS left_over ON left_over.reference = side.reference
WHERE NOT left_over.in_ledger
