-- One row per account: a company, or a person where people are the customers.
SELECT
    account_id, name, domain, industry, segment, region, country, employees, parent_account_id, owner_id,
    created_at, known_at
FROM accounts
