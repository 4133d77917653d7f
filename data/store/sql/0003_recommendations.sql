-- Recommendations tell accounts from people, and repeats from what was never had. Those of earlier runs stay readable:
-- they were of accounts, and of both kinds together ('any').
DROP VIEW recommendations;

ALTER TABLE recommendations_by_run RENAME TO earlier_recommendations;

-- One row per customer (account or contact), kind and rank. The first place also says why others were excluded.
CREATE TABLE recommendations_by_run (
    run_id TEXT NOT NULL,
    customer_kind TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    account_id TEXT,
    kind TEXT NOT NULL,
    rank BIGINT NOT NULL,
    place BIGINT,
    product_id TEXT,
    probability DOUBLE PRECISION,
    expected_margin DOUBLE PRECISION,
    why TEXT,
    why_not TEXT,
    abstained TEXT,
    model TEXT,
    PRIMARY KEY (run_id, customer_kind, customer_id, kind, rank)
);

INSERT INTO recommendations_by_run (
    run_id, customer_kind, customer_id, account_id, kind, rank, place,
    product_id, probability, expected_margin, why, why_not, model
)
SELECT
    run_id, 'account', account_id, account_id, 'any', rank, rank,
    product_id, probability, expected_margin, why, why_not, model
FROM earlier_recommendations;

DROP TABLE earlier_recommendations;

CREATE VIEW recommendations AS
SELECT
    written.customer_kind,
    written.customer_id,
    written.account_id,
    written.kind,
    written.rank,
    written.place,
    written.product_id,
    written.probability,
    written.expected_margin,
    written.why,
    written.why_not,
    written.abstained,
    written.model,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN recommendations_by_run AS written ON written.run_id = published_run.run_id;
