-- Statement lines that neither ledger nor gateway know.
SELECT
    COALESCE(line.reference, line.utr, line.transaction_id, line.settlement_id) AS reference,
    line.utr, line.currency, line.row_count, line.amount, line.created_at, line.created_local = 1 AS created_local
FROM recon_statement_lines AS line
LEFT JOIN recon_statement_links AS links ON links.line_key = line.line_key
WHERE links.line_key IS NULL
