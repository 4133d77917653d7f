-- One row per account and product that it never had: the ten likeliest of each account.
CREATE TABLE upsell_scores_by_run (
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    upsell DOUBLE PRECISION,
    upsell_30 DOUBLE PRECISION,
    upsell_180 DOUBLE PRECISION,
    likely_month DATE,
    upsell_model TEXT,
    expires_at DATE,
    PRIMARY KEY (run_id, account_id, product_id)
);

CREATE VIEW upsell_scores AS
SELECT
    written.account_id,
    written.product_id,
    written.upsell,
    written.upsell_30,
    written.upsell_180,
    written.likely_month,
    written.upsell_model,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN upsell_scores_by_run AS written ON written.run_id = published_run.run_id;
