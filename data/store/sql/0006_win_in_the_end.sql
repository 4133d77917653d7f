-- The chance that an open deal is won in the end, with its bounds, and the days between which eight of ten wins fall.

ALTER TABLE opportunity_scores_by_run ADD COLUMN win_eventually DOUBLE PRECISION;
ALTER TABLE opportunity_scores_by_run ADD COLUMN win_eventually_low DOUBLE PRECISION;
ALTER TABLE opportunity_scores_by_run ADD COLUMN win_eventually_high DOUBLE PRECISION;
ALTER TABLE opportunity_scores_by_run ADD COLUMN close_earliest DATE;
ALTER TABLE opportunity_scores_by_run ADD COLUMN close_latest DATE;

DROP VIEW opportunity_scores;

CREATE VIEW opportunity_scores AS
SELECT
    written.opportunity_id,
    written.account_id,
    written.owner_id,
    written.win,
    written.win_low,
    written.win_high,
    written.win_reasons,
    written.win_model,
    written.win_horizon_days,
    written.win_abstained,
    written.win_eventually,
    written.win_eventually_low,
    written.win_eventually_high,
    written.expected_close,
    written.close_earliest,
    written.close_latest,
    written.expected_amount,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN opportunity_scores_by_run AS written ON written.run_id = published_run.run_id;
