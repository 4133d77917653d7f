-- One row per person at an account.
SELECT
    contact_id, account_id, first_name, last_name, email, phone, title, country, timezone, created_at,
    known_at
FROM contacts
