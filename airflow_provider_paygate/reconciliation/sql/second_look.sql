-- References worth a second look. Pairs that plainly agree, letter by letter, are set aside here: the totals account for
-- them. As little as possible goes through this join of everything; the rows themselves are fetched afterwards. What
-- repeats is kept out of one side only, which is enough to keep the join from growing: the last line names it anyway.
WITH gateway AS (
    SELECT reference, amount, currency, status FROM recon_gateway AS side
    WHERE NOT EXISTS (SELECT 1 FROM recon_duplicates AS repeated WHERE repeated.reference = side.reference)
)
SELECT COALESCE(ledger.reference, gateway.reference) AS reference
FROM recon_ledger AS ledger
FULL JOIN gateway ON ledger.reference = gateway.reference
WHERE NOT COALESCE(
    ledger.amount = gateway.amount
    AND ledger.currency IS NOT DISTINCT FROM gateway.currency
    AND COALESCE(ledger.status, 'SUCCESS') IN ('SUCCESS', 'COMPLETED', 'Success')
    AND COALESCE(gateway.status, 'SUCCESS') IN ('SUCCESS', 'COMPLETED', 'Success'),
    FALSE
)
UNION ALL
SELECT reference FROM recon_duplicates
