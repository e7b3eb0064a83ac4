-- Pairs that do not agree.
SELECT
    class, late_side, reference, gateway_reference, pass, ledger_amount, gateway_amount,
    ledger_currency, gateway_currency, ledger_word, gateway_word, created_at, created_local,
    fee, statement_amount, statement_rows
FROM recon_compared
WHERE class IS NOT NULL
