-- The standard names of the field for columns, ledgers and kinds of drift: docs/changelog.md lists old and new.

DROP VIEW runs;

ALTER TABLE run_records RENAME COLUMN why TO reason;

CREATE VIEW runs AS
SELECT
    run_records.run_id,
    run_records.company,
    run_records.mapping,
    run_records.as_of,
    run_records.status,
    EXISTS (SELECT 1 FROM published_run WHERE published_run.run_id = run_records.run_id) AS current,
    run_records.started_at,
    run_records.published_at,
    run_records.rows_read,
    run_records.rows_quarantined,
    run_records.data_until,
    run_records.model_versions,
    run_records.validation_report,
    run_records.reason
FROM run_records
WHERE run_records.status <> 'writing';

DROP VIEW repaired;

ALTER TABLE repaired_by_run RENAME COLUMN why TO reason;

CREATE VIEW repaired AS
SELECT
    written.table_name,
    written.column_name,
    written.old_value,
    written.new_value,
    written.rows,
    written.reason,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN repaired_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW recommendations;

ALTER TABLE recommendations_by_run RENAME COLUMN place TO position;
ALTER TABLE recommendations_by_run RENAME COLUMN why TO reasons;
ALTER TABLE recommendations_by_run RENAME COLUMN why_not TO exclusion_reasons;

CREATE VIEW recommendations AS
SELECT
    written.customer_kind,
    written.customer_id,
    written.account_id,
    written.kind,
    written.rank,
    written.position,
    written.product_id,
    written.probability,
    written.expected_margin,
    written.reasons,
    written.exclusion_reasons,
    written.abstained,
    written.model,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN recommendations_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW kpi_definitions;

ALTER TABLE kpi_definitions_by_run RENAME COLUMN place TO position;

CREATE VIEW kpi_definitions AS
SELECT
    written.kpi,
    written.position,
    written.unit,
    written.formula,
    written.slices,
    written.definition_version,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN kpi_definitions_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW forecast_accuracy;

ALTER TABLE forecast_accuracy_by_run RENAME COLUMN split TO breakdown;
ALTER TABLE forecast_accuracy_by_run RENAME COLUMN part TO bucket;

CREATE VIEW forecast_accuracy AS
SELECT
    written.level,
    written.grain,
    written.breakdown,
    written.bucket,
    written.matched,
    written.coverage_50,
    written.coverage_80,
    written.coverage_95,
    written.bias,
    written.wape,
    written.mase,
    written.naive_wape,
    written.naive_mase,
    written.pipeline_wape,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN forecast_accuracy_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW scoreboard;

ALTER TABLE scoreboard_by_run RENAME COLUMN said TO predicted;
ALTER TABLE scoreboard_by_run RENAME COLUMN happened TO observed;
ALTER TABLE scoreboard_by_run RENAME COLUMN happened_low TO observed_low;
ALTER TABLE scoreboard_by_run RENAME COLUMN happened_high TO observed_high;

CREATE VIEW scoreboard AS
SELECT
    written.score,
    written.month,
    written.model,
    written.nights,
    written.matched,
    written.predicted,
    written.observed,
    written.observed_low,
    written.observed_high,
    written.calibration_error,
    written.calibration_error_low,
    written.calibration_error_high,
    written.brier,
    written.log_loss,
    written.auc,
    written.lift,
    written.lift_low,
    written.lift_high,
    written.absolute_error,
    written.coverage,
    written.coverage_low,
    written.coverage_high,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN scoreboard_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW reliability;

ALTER TABLE reliability_by_run RENAME COLUMN tenth TO decile;
ALTER TABLE reliability_by_run RENAME COLUMN said TO predicted;
ALTER TABLE reliability_by_run RENAME COLUMN happened TO observed;
ALTER TABLE reliability_by_run RENAME COLUMN happened_low TO observed_low;
ALTER TABLE reliability_by_run RENAME COLUMN happened_high TO observed_high;

CREATE VIEW reliability AS
SELECT
    written.score,
    written.month,
    written.model,
    written.decile,
    written.matched,
    written.predicted,
    written.observed,
    written.observed_low,
    written.observed_high,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN reliability_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW drift;

ALTER TABLE drift_by_run RENAME COLUMN says TO description;
ALTER TABLE drift_by_run RENAME COLUMN deviations TO z_score;
ALTER TABLE drift_by_run RENAME COLUMN shift TO psi;
ALTER TABLE drift_by_run RENAME COLUMN missing TO missing_rate;
ALTER TABLE drift_by_run RENAME COLUMN missing_before TO reference_missing_rate;

UPDATE drift_by_run SET kind = 'volume' WHERE kind = 'flow';

CREATE VIEW drift AS
SELECT
    written.kind,
    written.name,
    written.description,
    written.since,
    written.until,
    written.value,
    written.expected,
    written.low,
    written.high,
    written.z_score,
    written.psi,
    written.missing_rate,
    written.reference_missing_rate,
    written.reference,
    written.drifted,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN drift_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW alerts;

ALTER TABLE alerts_by_run RENAME COLUMN about TO subject;

-- The identity of an alert begins with its kind.
UPDATE alerts_by_run SET kind = 'volume', alert_id = 'volume' || substr(alert_id, 5) WHERE kind = 'flow';

CREATE VIEW alerts AS
SELECT
    written.alert_id,
    written.kind,
    written.subject,
    written.severity,
    written.first_seen,
    written.since,
    written.value,
    written.low,
    written.high,
    written.evidence,
    written.suggestion,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN alerts_by_run AS written ON written.run_id = published_run.run_id;

DROP VIEW published_scores;

ALTER TABLE ledger_nights RENAME TO ledger_runs;

ALTER TABLE ledger_scores RENAME TO score_ledger;

ALTER TABLE ledger_forecasts RENAME TO forecast_ledger;

-- Of several runs of a company for one date, the one published last counts.
CREATE VIEW published_scores AS
SELECT
    scores.run_id,
    runs.company,
    runs.as_of,
    scores.score,
    scores.key,
    scores.value,
    scores.low,
    scores.high,
    scores.model,
    scores.horizon_days,
    scores.closes_on,
    scores.outcome,
    scores.outcome_as_of
FROM ledger_runs AS runs
JOIN score_ledger AS scores ON scores.run_id = runs.run_id
WHERE NOT runs.withdrawn AND NOT EXISTS (
    SELECT 1 FROM ledger_runs AS later
    WHERE later.company = runs.company AND later.as_of = runs.as_of AND NOT later.withdrawn AND (
        later.published_at > runs.published_at
        OR (later.published_at = runs.published_at AND later.run_id > runs.run_id)
    )
);
