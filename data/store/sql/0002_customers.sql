-- Chances as curves (within 30, 90 and 180 days), the next order, lifetime values of one year and three, and scores of
-- single subscriptions.

DROP VIEW account_scores;

ALTER TABLE account_scores_by_run ADD COLUMN repeat DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_low DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_high DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_reasons TEXT;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_model TEXT;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_horizon_days BIGINT;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_abstained TEXT;
ALTER TABLE account_scores_by_run ADD COLUMN churn_30 DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN churn_180 DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN upsell_30 DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN upsell_180 DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_30 DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN repeat_180 DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN next_order DATE;
ALTER TABLE account_scores_by_run ADD COLUMN next_order_low DATE;
ALTER TABLE account_scores_by_run ADD COLUMN next_order_high DATE;
ALTER TABLE account_scores_by_run ADD COLUMN lifetime_value_12 DOUBLE PRECISION;
ALTER TABLE account_scores_by_run ADD COLUMN lifetime_value_bgnbd DOUBLE PRECISION;

CREATE VIEW account_scores AS
SELECT
    written.account_id,
    written.name,
    written.churn,
    written.churn_low,
    written.churn_high,
    written.churn_reasons,
    written.churn_model,
    written.churn_horizon_days,
    written.churn_abstained,
    written.upsell,
    written.upsell_low,
    written.upsell_high,
    written.upsell_reasons,
    written.upsell_model,
    written.upsell_horizon_days,
    written.upsell_abstained,
    written.repeat,
    written.repeat_low,
    written.repeat_high,
    written.repeat_reasons,
    written.repeat_model,
    written.repeat_horizon_days,
    written.repeat_abstained,
    written.expected_revenue,
    written.expected_revenue_low,
    written.expected_revenue_high,
    written.expected_revenue_reasons,
    written.expected_revenue_model,
    written.expected_revenue_horizon_days,
    written.expected_revenue_abstained,
    written.lifetime_value,
    written.lifetime_value_low,
    written.lifetime_value_high,
    written.lifetime_value_reasons,
    written.lifetime_value_model,
    written.lifetime_value_horizon_days,
    written.lifetime_value_abstained,
    written.churn_30,
    written.churn_180,
    written.upsell_30,
    written.upsell_180,
    written.repeat_30,
    written.repeat_180,
    written.next_order,
    written.next_order_low,
    written.next_order_high,
    written.lifetime_value_12,
    written.lifetime_value_bgnbd,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN account_scores_by_run AS written ON written.run_id = published_run.run_id;

-- One row per active subscription.
CREATE TABLE subscription_scores_by_run (
    run_id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    account_id TEXT,
    product_id TEXT,
    mrr DOUBLE PRECISION,
    term_ends_at TIMESTAMP,
    churn DOUBLE PRECISION,
    churn_low DOUBLE PRECISION,
    churn_high DOUBLE PRECISION,
    churn_reasons TEXT,
    churn_model TEXT,
    churn_horizon_days BIGINT,
    churn_abstained TEXT,
    expansion DOUBLE PRECISION,
    expansion_low DOUBLE PRECISION,
    expansion_high DOUBLE PRECISION,
    expansion_reasons TEXT,
    expansion_model TEXT,
    expansion_horizon_days BIGINT,
    expansion_abstained TEXT,
    churn_30 DOUBLE PRECISION,
    churn_180 DOUBLE PRECISION,
    expansion_30 DOUBLE PRECISION,
    expansion_180 DOUBLE PRECISION,
    renewal DOUBLE PRECISION,
    expansion_by_term DOUBLE PRECISION,
    expires_at DATE,
    PRIMARY KEY (run_id, subscription_id)
);

CREATE VIEW subscription_scores AS
SELECT
    written.subscription_id,
    written.account_id,
    written.product_id,
    written.mrr,
    written.term_ends_at,
    written.churn,
    written.churn_low,
    written.churn_high,
    written.churn_reasons,
    written.churn_model,
    written.churn_horizon_days,
    written.churn_abstained,
    written.expansion,
    written.expansion_low,
    written.expansion_high,
    written.expansion_reasons,
    written.expansion_model,
    written.expansion_horizon_days,
    written.expansion_abstained,
    written.churn_30,
    written.churn_180,
    written.expansion_30,
    written.expansion_180,
    written.renewal,
    written.expansion_by_term,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN subscription_scores_by_run AS written ON written.run_id = published_run.run_id;
