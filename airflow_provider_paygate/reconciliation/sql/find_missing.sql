-- Rows of one side that no pass found on the other.
WITH settled AS (
    SELECT settlement_id FROM recon_settlements
), lone AS (
    SELECT 'ledger' AS side, open_rows.*
    FROM recon_open_ledger AS open_rows
    LEFT JOIN recon_by_text AS by_text ON by_text.ledger_reference = open_rows.reference
    LEFT JOIN recon_by_ids AS by_ids ON by_ids.ledger_reference = open_rows.reference
    WHERE by_text.ledger_reference IS NULL AND by_ids.ledger_reference IS NULL
    UNION ALL
    SELECT 'gateway' AS side, open_rows.*
    FROM recon_open_gateway AS open_rows
    LEFT JOIN recon_by_text AS by_text ON by_text.gateway_reference = open_rows.reference
    LEFT JOIN recon_by_ids AS by_ids ON by_ids.gateway_reference = open_rows.reference
    WHERE by_text.gateway_reference IS NULL AND by_ids.gateway_reference IS NULL
)
SELECT
    CASE
        WHEN lone.side = 'gateway' THEN 'missing_in_ledger'
        WHEN words.state = 'unknown' THEN 'unknown_outcome'
        ELSE 'missing_at_gateway'
    END AS class,
    CASE WHEN lone.side = 'gateway' THEN 'ledger' ELSE 'gateway' END AS late_side,
    lone.reference,
    lone.amount,
    lone.currency,
    COALESCE(words.status, lone.status) AS word,
    COALESCE(lone.created_at, lone.settled_at) AS created_at,
    CASE WHEN lone.created_at IS NULL THEN lone.settled_local ELSE lone.created_local END AS created_local,
    ambiguous.kind AS ambiguous,
    bank.amount AS statement_amount,
    bank.row_count AS statement_rows
FROM lone
LEFT JOIN settled ON settled.settlement_id = lone.settlement_id
LEFT JOIN recon_status_words AS words ON words.word = lone.status
LEFT JOIN recon_ambiguous AS ambiguous ON ambiguous.side = lone.side AND ambiguous.reference = lone.reference
LEFT JOIN recon_statement_sums AS bank ON bank.reference = lone.reference
WHERE settled.settlement_id IS NULL
