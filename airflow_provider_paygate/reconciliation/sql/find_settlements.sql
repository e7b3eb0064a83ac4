-- Settlements whose sums do not agree.
SELECT
    CASE
        WHEN fee <> 0 AND ABS(ABS(gateway_amount - ledger_amount) - ABS(fee)) <= settings.tolerance THEN 'fee'
        ELSE 'amount_mismatch'
    END AS class,
    reference, settlement_id, ledger_rows, gateway_rows, ledger_amount, gateway_amount,
    ledger_currency, gateway_currency, ledger_status, gateway_status, created_at, created_local, fee
FROM recon_settlements
CROSS JOIN recon_settings AS settings
WHERE NOT agrees
