-- All pairs of passes 1 and 2, one row each, with what is compared.
SELECT
    reference, reference AS gateway_reference, 'reference' AS pass,
    ledger_amount, gateway_amount, ledger_currency, gateway_currency, ledger_status, gateway_status,
    created_at, created_local, fee
FROM recon_by_reference
WHERE in_ledger AND in_gateway
UNION ALL
SELECT
    ledger.reference, gateway.reference AS gateway_reference, linked.pass,
    ledger.amount AS ledger_amount, gateway.amount AS gateway_amount,
    ledger.currency AS ledger_currency, gateway.currency AS gateway_currency,
    ledger.status AS ledger_status, gateway.status AS gateway_status,
    COALESCE(ledger.created_at, gateway.created_at) AS created_at,
    CASE WHEN ledger.created_at IS NULL THEN gateway.created_local ELSE ledger.created_local END AS created_local,
    COALESCE(gateway.fee, ledger.fee) AS fee
FROM (
    SELECT ledger_reference, gateway_reference, pass FROM recon_by_text
    UNION ALL
    SELECT ledger_reference, gateway_reference, pass FROM recon_by_ids
) AS linked
JOIN recon_open_ledger AS ledger ON ledger.reference = linked.ledger_reference
JOIN recon_open_gateway AS gateway ON gateway.reference = linked.gateway_reference
