-- The bank's view: which ledger or gateway row each statement line belongs to, by the first key that finds one.
-- A row goes by the reference of its pair.
WITH names AS (
    SELECT gateway_reference, ledger_reference FROM recon_by_text
    UNION ALL
    SELECT gateway_reference, ledger_reference FROM recon_by_ids
), known AS (
    SELECT reference, reference AS own_reference, utr, transaction_id, settlement_id FROM recon_ledger
    UNION ALL
    SELECT
        COALESCE(names.ledger_reference, side.reference) AS reference, side.reference AS own_reference,
        side.utr, side.transaction_id, side.settlement_id
    FROM recon_gateway AS side
    LEFT JOIN names ON names.gateway_reference = side.reference
), found AS (
    SELECT 1 AS rank, line.line_key, known.reference
    FROM recon_statement_lines AS line JOIN known ON UPPER(TRIM(known.utr)) = line.utr
    UNION ALL
    SELECT 2 AS rank, line.line_key, known.reference
    FROM recon_statement_lines AS line JOIN known ON UPPER(TRIM(known.transaction_id)) = line.transaction_id
    UNION ALL
    SELECT 3 AS rank, line.line_key, known.reference
    FROM recon_statement_lines AS line
    JOIN known ON UPPER(REPLACE(known.own_reference, ' ', '')) = line.reference_text
    UNION ALL
    SELECT 4 AS rank, line.line_key, known.reference
    FROM recon_statement_lines AS line JOIN known ON known.settlement_id = line.settlement_id
), best AS (
    SELECT line_key, MIN(rank) AS rank FROM found GROUP BY line_key
)
SELECT found.line_key, found.reference, found.rank = 4 AS by_settlement
FROM found
JOIN best ON best.line_key = found.line_key AND best.rank = found.rank
GROUP BY found.line_key, found.reference, found.rank
