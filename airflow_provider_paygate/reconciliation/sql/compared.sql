-- Every pair with what is wrong with it (`class`, null when nothing is) and which side is not final yet (`late_side`).
-- A ledger that states no status has booked the payment; a gateway that states none is not asked.
WITH stated AS (
    SELECT
        pairs.*,
        COALESCE(l.status, pairs.ledger_status) AS ledger_word,
        COALESCE(g.status, pairs.gateway_status) AS gateway_word,
        COALESCE(l.state, CASE WHEN pairs.ledger_status IS NULL THEN 'success' ELSE 'open' END) AS ledger_state,
        COALESCE(g.state, CASE WHEN pairs.gateway_status IS NOT NULL THEN 'open' END) AS gateway_state,
        bank.amount AS statement_amount,
        bank.row_count AS statement_rows
    FROM recon_pairs AS pairs
    LEFT JOIN recon_status_words AS l ON l.word = pairs.ledger_status
    LEFT JOIN recon_status_words AS g ON g.word = pairs.gateway_status
    LEFT JOIN recon_statement_sums AS bank ON bank.reference = pairs.reference
)
SELECT
    stated.*,
    CASE
        WHEN ledger_state = 'unknown' THEN 'unknown_outcome'
        WHEN ledger_currency <> gateway_currency THEN 'currency_mismatch'
        WHEN gateway_state = 'returned' AND ledger_state = 'success' THEN 'reversal'
        WHEN
            ledger_amount <> gateway_amount
            AND ABS(gateway_amount - ledger_amount) > settings.tolerance
            AND ABS(gateway_amount - ledger_amount) > ABS(ledger_amount) * settings.fraction
            THEN CASE
                WHEN fee <> 0 AND ABS(ABS(gateway_amount - ledger_amount) - ABS(fee)) <= settings.tolerance THEN 'fee'
                ELSE 'amount_mismatch'
            END
        WHEN
            ABS(statement_amount - ABS(gateway_amount)) > settings.tolerance
            AND ABS(statement_amount - ABS(gateway_amount)) > ABS(ledger_amount) * settings.fraction
            AND ABS(ABS(statement_amount - ABS(gateway_amount)) - ABS(COALESCE(fee, 0))) > settings.tolerance
            THEN 'amount_mismatch'
        WHEN ledger_state <> gateway_state THEN 'status_mismatch'
    END AS class,
    CASE
        WHEN gateway_state = 'open' AND ledger_state <> 'open' THEN 'gateway'
        WHEN ledger_state = 'open' AND gateway_state <> 'open' THEN 'ledger'
    END AS late_side
FROM stated
CROSS JOIN recon_settings AS settings
