-- Ledger rows that pass 1 left open.
SELECT side.*, UPPER(REPLACE(REPLACE(REPLACE(side.reference, ' ', ''), CHR(9), ''), CHR(160), '')) AS reference_text
FROM recon_ledger AS side
JOIN recon_by_reference AS left_over ON left_over.reference = side.reference
WHERE NOT left_over.in_gateway
