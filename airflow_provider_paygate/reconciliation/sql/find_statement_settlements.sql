-- Statement lines that pay out a whole settlement: their sum against the sum of its payments, with or without the fees.
WITH payments AS (
    SELECT rows_of.reference, COALESCE(rows_of.gateway_amount, rows_of.ledger_amount) AS amount, COALESCE(rows_of.fee, 0) AS fee
    FROM recon_by_reference AS rows_of
    LEFT JOIN recon_status_words AS words ON words.word = COALESCE(rows_of.gateway_status, rows_of.ledger_status)
    WHERE words.state = 'success' OR COALESCE(rows_of.gateway_status, rows_of.ledger_status) IS NULL
), bank AS (
    SELECT
        settlement_id, MIN(currency) AS currency, CAST(SUM(row_count) AS BIGINT) AS line_count, ABS(SUM(amount)) AS amount,
        MIN(created_at) AS created_at, MIN(created_local) AS created_local
    FROM recon_statement_lines AS line
    WHERE EXISTS (SELECT 1 FROM recon_statement_links AS links WHERE links.line_key = line.line_key AND links.by_settlement)
    GROUP BY settlement_id
), members AS (
    SELECT DISTINCT line.settlement_id, links.reference
    FROM recon_statement_links AS links
    JOIN recon_statement_lines AS line ON line.line_key = links.line_key
    WHERE links.by_settlement
), sums AS (
    SELECT members.settlement_id, COUNT(*) AS row_count, SUM(payments.amount) AS amount, SUM(payments.fee) AS fee
    FROM members
    JOIN payments ON payments.reference = members.reference
    GROUP BY members.settlement_id
)
SELECT
    bank.settlement_id, bank.currency, sums.row_count, bank.line_count, sums.amount AS ledger_amount, bank.amount AS bank_amount,
    bank.created_at, bank.created_local = 1 AS created_local
FROM bank
JOIN sums ON sums.settlement_id = bank.settlement_id
CROSS JOIN recon_settings AS settings
WHERE
    ABS(bank.amount - sums.amount) > settings.tolerance
    AND ABS(bank.amount - sums.amount) > ABS(sums.amount) * settings.fraction
    AND ABS(ABS(bank.amount - sums.amount) - sums.fee) > settings.tolerance
