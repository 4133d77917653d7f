-- What a renewal looks ahead: the days to the end of the term, by which it is matched with what happened.
DROP VIEW subscription_scores;

ALTER TABLE subscription_scores_by_run ADD COLUMN term_horizon_days BIGINT;

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
    written.term_horizon_days,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN subscription_scores_by_run AS written ON written.run_id = published_run.run_id;
