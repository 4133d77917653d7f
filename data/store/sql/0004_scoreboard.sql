-- What was ever said and what became of it, and the reports on both: the scoreboard, drift and alerts.

-- The ledger outlives the rows of its runs. One row per published night whose scores are kept. A night is withdrawn
-- while readers were taken back behind it.
CREATE TABLE ledger_nights (
    run_id TEXT NOT NULL,
    company TEXT NOT NULL,
    as_of DATE NOT NULL,
    published_at TIMESTAMP NOT NULL,
    withdrawn BOOLEAN NOT NULL,
    PRIMARY KEY (run_id)
);

-- One row per score of such a night. Written once; only the outcome is filled in, once, when its window has closed.
CREATE TABLE ledger_scores (
    run_id TEXT NOT NULL REFERENCES ledger_nights (run_id),
    score TEXT NOT NULL,
    key TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION,
    high DOUBLE PRECISION,
    model TEXT NOT NULL,
    horizon_days BIGINT NOT NULL,
    closes_on DATE NOT NULL,
    outcome DOUBLE PRECISION,
    outcome_as_of DATE,
    PRIMARY KEY (run_id, score, key)
);

-- Of several runs of a company for one date, the one published last counts.
CREATE VIEW published_scores AS
SELECT
    said.run_id,
    nights.company,
    nights.as_of,
    said.score,
    said.key,
    said.value,
    said.low,
    said.high,
    said.model,
    said.horizon_days,
    said.closes_on,
    said.outcome,
    said.outcome_as_of
FROM ledger_nights AS nights
JOIN ledger_scores AS said ON said.run_id = nights.run_id
WHERE NOT nights.withdrawn AND NOT EXISTS (
    SELECT 1 FROM ledger_nights AS later
    WHERE later.company = nights.company AND later.as_of = nights.as_of AND NOT later.withdrawn AND (
        later.published_at > nights.published_at
        OR (later.published_at = nights.published_at AND later.run_id > nights.run_id)
    )
);

-- One row per score, month in which it was given and model version: what it said, and what happened.
CREATE TABLE scoreboard_by_run (
    run_id TEXT NOT NULL,
    score TEXT NOT NULL,
    month DATE NOT NULL,
    model TEXT NOT NULL,
    nights BIGINT,
    matched BIGINT,
    said DOUBLE PRECISION,
    happened DOUBLE PRECISION,
    happened_low DOUBLE PRECISION,
    happened_high DOUBLE PRECISION,
    calibration_error DOUBLE PRECISION,
    calibration_error_low DOUBLE PRECISION,
    calibration_error_high DOUBLE PRECISION,
    brier DOUBLE PRECISION,
    log_loss DOUBLE PRECISION,
    auc DOUBLE PRECISION,
    lift DOUBLE PRECISION,
    lift_low DOUBLE PRECISION,
    lift_high DOUBLE PRECISION,
    absolute_error DOUBLE PRECISION,
    coverage DOUBLE PRECISION,
    coverage_low DOUBLE PRECISION,
    coverage_high DOUBLE PRECISION,
    PRIMARY KEY (run_id, score, month, model)
);

CREATE VIEW scoreboard AS
SELECT
    written.score,
    written.month,
    written.model,
    written.nights,
    written.matched,
    written.said,
    written.happened,
    written.happened_low,
    written.happened_high,
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

-- One row per score, month, model version and tenth of the scores, the lowest first: what it said, what happened.
CREATE TABLE reliability_by_run (
    run_id TEXT NOT NULL,
    score TEXT NOT NULL,
    month DATE NOT NULL,
    model TEXT NOT NULL,
    tenth BIGINT NOT NULL,
    matched BIGINT,
    said DOUBLE PRECISION,
    happened DOUBLE PRECISION,
    happened_low DOUBLE PRECISION,
    happened_high DOUBLE PRECISION,
    PRIMARY KEY (run_id, score, month, model, tenth)
);

CREATE VIEW reliability AS
SELECT
    written.score,
    written.month,
    written.model,
    written.tenth,
    written.matched,
    written.said,
    written.happened,
    written.happened_low,
    written.happened_high,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN reliability_by_run AS written ON written.run_id = published_run.run_id;

-- One row per daily flow, input of a model and score: where it stands against what was usual.
CREATE TABLE drift_by_run (
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    says TEXT,
    since DATE,
    until DATE,
    value DOUBLE PRECISION,
    expected DOUBLE PRECISION,
    low DOUBLE PRECISION,
    high DOUBLE PRECISION,
    deviations DOUBLE PRECISION,
    shift DOUBLE PRECISION,
    missing DOUBLE PRECISION,
    missing_before DOUBLE PRECISION,
    reference TEXT,
    drifted BOOLEAN,
    PRIMARY KEY (run_id, kind, name)
);

CREATE VIEW drift AS
SELECT
    written.kind,
    written.name,
    written.says,
    written.since,
    written.until,
    written.value,
    written.expected,
    written.low,
    written.high,
    written.deviations,
    written.shift,
    written.missing,
    written.missing_before,
    written.reference,
    written.drifted,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN drift_by_run AS written ON written.run_id = published_run.run_id;

-- One row per alert: what left its band, since when, and what to do. It stays one alert on following nights.
CREATE TABLE alerts_by_run (
    run_id TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    kind TEXT,
    about TEXT,
    severity TEXT,
    first_seen DATE,
    since DATE,
    value DOUBLE PRECISION,
    low DOUBLE PRECISION,
    high DOUBLE PRECISION,
    evidence TEXT,
    suggestion TEXT,
    PRIMARY KEY (run_id, alert_id)
);

CREATE VIEW alerts AS
SELECT
    written.alert_id,
    written.kind,
    written.about,
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
