-- The scoring table: for each output, a base table with the rows of every run kept, and the view that readers use.
-- The text holds on SQLite and PostgreSQL alike; every statement ends with a semicolon at the end of a line.

-- One row per run, whatever became of it. A run is 'writing' until its rows were audited; then 'published', 'stopped',
-- or 'retired' when its rows were removed to make room.
CREATE TABLE run_records (
    run_id TEXT NOT NULL,
    company TEXT NOT NULL,
    mapping TEXT NOT NULL,
    as_of DATE NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('writing', 'published', 'retired', 'stopped')),
    started_at TIMESTAMP NOT NULL,
    published_at TIMESTAMP,
    rows_read BIGINT,
    rows_quarantined BIGINT,
    data_until TIMESTAMP,
    model_versions TEXT,
    validation_report TEXT,
    why TEXT,
    PRIMARY KEY (run_id)
);

-- The pointer: one row at most, naming the run that readers see.
CREATE TABLE published_run (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    run_id TEXT NOT NULL REFERENCES run_records (run_id)
);

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
    run_records.why
FROM run_records
WHERE run_records.status <> 'writing';

-- One row per account.
CREATE TABLE account_scores_by_run (
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    name TEXT,
    churn DOUBLE PRECISION,
    churn_low DOUBLE PRECISION,
    churn_high DOUBLE PRECISION,
    churn_reasons TEXT,
    churn_model TEXT,
    churn_horizon_days BIGINT,
    churn_abstained TEXT,
    upsell DOUBLE PRECISION,
    upsell_low DOUBLE PRECISION,
    upsell_high DOUBLE PRECISION,
    upsell_reasons TEXT,
    upsell_model TEXT,
    upsell_horizon_days BIGINT,
    upsell_abstained TEXT,
    expected_revenue DOUBLE PRECISION,
    expected_revenue_low DOUBLE PRECISION,
    expected_revenue_high DOUBLE PRECISION,
    expected_revenue_reasons TEXT,
    expected_revenue_model TEXT,
    expected_revenue_horizon_days BIGINT,
    expected_revenue_abstained TEXT,
    lifetime_value DOUBLE PRECISION,
    lifetime_value_low DOUBLE PRECISION,
    lifetime_value_high DOUBLE PRECISION,
    lifetime_value_reasons TEXT,
    lifetime_value_model TEXT,
    lifetime_value_horizon_days BIGINT,
    lifetime_value_abstained TEXT,
    expires_at DATE,
    PRIMARY KEY (run_id, account_id)
);

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
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN account_scores_by_run AS written ON written.run_id = published_run.run_id;

-- One row per contact.
CREATE TABLE contact_scores_by_run (
    run_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    account_id TEXT,
    send_at TIMESTAMP,
    send_local TEXT,
    send_windows TEXT,
    send_timezone TEXT,
    send_timezone_source TEXT,
    send_model TEXT,
    send_abstained TEXT,
    engagement DOUBLE PRECISION,
    email_status TEXT,
    expires_at DATE,
    PRIMARY KEY (run_id, contact_id)
);

CREATE VIEW contact_scores AS
SELECT
    written.contact_id,
    written.account_id,
    written.send_at,
    written.send_local,
    written.send_windows,
    written.send_timezone,
    written.send_timezone_source,
    written.send_model,
    written.send_abstained,
    written.engagement,
    written.email_status,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN contact_scores_by_run AS written ON written.run_id = published_run.run_id;

-- One row per open opportunity.
CREATE TABLE opportunity_scores_by_run (
    run_id TEXT NOT NULL,
    opportunity_id TEXT NOT NULL,
    account_id TEXT,
    owner_id TEXT,
    win DOUBLE PRECISION,
    win_low DOUBLE PRECISION,
    win_high DOUBLE PRECISION,
    win_reasons TEXT,
    win_model TEXT,
    win_horizon_days BIGINT,
    win_abstained TEXT,
    expected_close DATE,
    expected_amount DOUBLE PRECISION,
    expires_at DATE,
    PRIMARY KEY (run_id, opportunity_id)
);

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
    written.expected_close,
    written.expected_amount,
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN opportunity_scores_by_run AS written ON written.run_id = published_run.run_id;

-- One row per account and rank. The first rank also says why other products were excluded.
CREATE TABLE recommendations_by_run (
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    rank BIGINT NOT NULL,
    product_id TEXT,
    probability DOUBLE PRECISION,
    expected_margin DOUBLE PRECISION,
    why TEXT,
    why_not TEXT,
    model TEXT,
    PRIMARY KEY (run_id, account_id, rank)
);

CREATE VIEW recommendations AS
SELECT
    written.account_id,
    written.rank,
    written.product_id,
    written.probability,
    written.expected_margin,
    written.why,
    written.why_not,
    written.model,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN recommendations_by_run AS written ON written.run_id = published_run.run_id;

-- One row per account: the one action chosen for it, or wait.
CREATE TABLE next_best_actions_by_run (
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    action_id TEXT,
    action TEXT,
    product_id TEXT,
    contact_id TEXT,
    opportunity_id TEXT,
    owner_id TEXT,
    channel TEXT,
    act_at TIMESTAMP,
    expected_value DOUBLE PRECISION,
    cost DOUBLE PRECISION,
    reasons TEXT,
    runner_up TEXT,
    runner_up_value DOUBLE PRECISION,
    holdout BOOLEAN,
    expires_at DATE,
    PRIMARY KEY (run_id, account_id)
);

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
    written.expires_at,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN next_best_actions_by_run AS written ON written.run_id = published_run.run_id;

-- One row per contact and campaign.
CREATE TABLE campaign_targets_by_run (
    run_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    campaign_id TEXT NOT NULL,
    account_id TEXT,
    product_id TEXT,
    expected_incremental_value DOUBLE PRECISION,
    consent_evidence TEXT,
    send_at TIMESTAMP,
    arm TEXT,
    PRIMARY KEY (run_id, contact_id, campaign_id)
);

CREATE VIEW campaign_targets AS
SELECT
    written.contact_id,
    written.campaign_id,
    written.account_id,
    written.product_id,
    written.expected_incremental_value,
    written.consent_evidence,
    written.send_at,
    written.arm,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN campaign_targets_by_run AS written ON written.run_id = published_run.run_id;

-- One row per node of the hierarchy, grain and period.
CREATE TABLE revenue_forecast_by_run (
    run_id TEXT NOT NULL,
    node TEXT NOT NULL,
    level TEXT,
    grain TEXT NOT NULL,
    period DATE NOT NULL,
    point DOUBLE PRECISION,
    low_50 DOUBLE PRECISION,
    high_50 DOUBLE PRECISION,
    low_80 DOUBLE PRECISION,
    high_80 DOUBLE PRECISION,
    low_95 DOUBLE PRECISION,
    high_95 DOUBLE PRECISION,
    recurring DOUBLE PRECISION,
    expansion DOUBLE PRECISION,
    open_deals DOUBLE PRECISION,
    new_deals DOUBLE PRECISION,
    model TEXT,
    abstained TEXT,
    PRIMARY KEY (run_id, node, grain, period)
);

CREATE VIEW revenue_forecast AS
SELECT
    written.node,
    written.level,
    written.grain,
    written.period,
    written.point,
    written.low_50,
    written.high_50,
    written.low_80,
    written.high_80,
    written.low_95,
    written.high_95,
    written.recurring,
    written.expansion,
    written.open_deals,
    written.new_deals,
    written.model,
    written.abstained,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN revenue_forecast_by_run AS written ON written.run_id = published_run.run_id;

-- One row per KPI, period and slice.
CREATE TABLE kpis_by_run (
    run_id TEXT NOT NULL,
    kpi TEXT NOT NULL,
    period DATE NOT NULL,
    slice TEXT NOT NULL,
    value DOUBLE PRECISION,
    unit TEXT,
    definition TEXT,
    definition_version BIGINT,
    PRIMARY KEY (run_id, kpi, period, slice)
);

CREATE VIEW kpis AS
SELECT
    written.kpi,
    written.period,
    written.slice,
    written.value,
    written.unit,
    written.definition,
    written.definition_version,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN kpis_by_run AS written ON written.run_id = published_run.run_id;

-- One row per leak of revenue.
CREATE TABLE leaks_by_run (
    run_id TEXT NOT NULL,
    leak_id TEXT NOT NULL,
    detector TEXT,
    account_id TEXT,
    money DOUBLE PRECISION,
    owner_id TEXT,
    evidence TEXT,
    suggestion TEXT,
    PRIMARY KEY (run_id, leak_id)
);

CREATE VIEW leaks AS
SELECT
    written.leak_id,
    written.detector,
    written.account_id,
    written.money,
    written.owner_id,
    written.evidence,
    written.suggestion,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN leaks_by_run AS written ON written.run_id = published_run.run_id;

-- One row per table and reason for which rows were kept out; the rows themselves lie in the lake.
CREATE TABLE quarantined_by_run (
    run_id TEXT NOT NULL,
    table_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    rows BIGINT,
    example TEXT,
    PRIMARY KEY (run_id, table_name, reason)
);

CREATE VIEW quarantined AS
SELECT
    written.table_name,
    written.reason,
    written.rows,
    written.example,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN quarantined_by_run AS written ON written.run_id = published_run.run_id;

-- One row per repair that the mapping states: which value became which, in how many rows, and why.
CREATE TABLE repaired_by_run (
    run_id TEXT NOT NULL,
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT,
    rows BIGINT,
    why TEXT,
    PRIMARY KEY (run_id, table_name, column_name, old_value)
);

CREATE VIEW repaired AS
SELECT
    written.table_name,
    written.column_name,
    written.old_value,
    written.new_value,
    written.rows,
    written.why,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN repaired_by_run AS written ON written.run_id = published_run.run_id;

-- One row per model: the version that scored, how it was judged out of time, or why it abstained.
CREATE TABLE model_results_by_run (
    run_id TEXT NOT NULL,
    model TEXT NOT NULL,
    version TEXT,
    ships TEXT,
    metric TEXT,
    value DOUBLE PRECISION,
    baseline TEXT,
    baseline_value DOUBLE PRECISION,
    trained_as_of DATE,
    verdict TEXT,
    abstained TEXT,
    PRIMARY KEY (run_id, model)
);

CREATE VIEW model_results AS
SELECT
    written.model,
    written.version,
    written.ships,
    written.metric,
    written.value,
    written.baseline,
    written.baseline_value,
    written.trained_as_of,
    written.verdict,
    written.abstained,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN model_results_by_run AS written ON written.run_id = published_run.run_id;
