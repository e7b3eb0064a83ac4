-- Lines of the bank statement.
SELECT COUNT(*) AS row_count FROM recon_statement
