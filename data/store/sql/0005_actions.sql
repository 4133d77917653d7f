-- Who is held out waits, and what would have been done stands beside it: a reader of the action alone must not act.
-- A target of a campaign carries the decision that allows it, and when it was taken, and not only a sentence on it.

DROP VIEW next_best_actions;
ALTER TABLE next_best_actions_by_run ADD COLUMN withheld_action TEXT;

UPDATE next_best_actions_by_run
SET withheld_action = action, runner_up = action, runner_up_value = expected_value
WHERE holdout;

UPDATE next_best_actions_by_run
SET
    action = 'wait',
    product_id = NULL,
    contact_id = NULL,
    opportunity_id = NULL,
    channel = NULL,
    act_at = NULL,
    expected_value = 0,
    cost = 0
WHERE holdout;

CREATE VIEW next_best_actions AS
SELECT
    written.account_id,
    written.action_id,
    written.action,
    written.product_id,
    written.contact_id,
    written.opportunity_id,
    written.owner_id,
    written.channel,
    written.act_at,
    written.expected_value,
    written.cost,
    written.reasons,
    written.runner_up,
    written.runner_up_value,
    written.holdout,
    written.withheld_action,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN next_best_actions_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW campaign_targets;
ALTER TABLE campaign_targets_by_run ADD COLUMN consent_status TEXT;
ALTER TABLE campaign_targets_by_run ADD COLUMN consent_recorded_at TIMESTAMP;

UPDATE campaign_targets_by_run SET consent_status = 'granted' WHERE substr(consent_evidence, 1, 8) = 'granted ';

CREATE VIEW campaign_targets AS
SELECT
    written.contact_id,
    written.campaign_id,
    written.account_id,
    written.product_id,
    written.expected_incremental_value,
    written.consent_status,
    written.consent_recorded_at,
    written.consent_evidence,
    written.send_at,
    written.arm,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN campaign_targets_by_run AS written ON written.run_id = published_run.run_id;
