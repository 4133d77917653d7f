-- One row per invoice.
SELECT
    invoice_id, account_id, subscription_id, amount, currency, issued_at, due_at, paid_at, known_at
FROM invoices
