-- The number: repeat orders among its parts, what moved it since an earlier run, and how right it has been.
DROP VIEW revenue_forecast;

ALTER TABLE revenue_forecast_by_run ADD COLUMN repeat_orders DOUBLE PRECISION;

ALTER TABLE revenue_forecast_by_run ADD COLUMN notes TEXT;

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
    written.repeat_orders,
    written.model,
    written.notes,
    written.abstained,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN revenue_forecast_by_run AS written ON written.run_id = published_run.run_id;

-- One row per node, period and cause: what moved the forecast since an earlier run.
CREATE TABLE bridge_by_run (
    run_id TEXT NOT NULL,
    node TEXT NOT NULL,
    grain TEXT NOT NULL,
    period DATE NOT NULL,
    cause TEXT NOT NULL,
    amount DOUBLE PRECISION,
    evidence TEXT,
    previous_point DOUBLE PRECISION,
    point DOUBLE PRECISION,
    previous_run_id TEXT,
    previous_as_of DATE,
    PRIMARY KEY (run_id, node, grain, period, cause)
);

CREATE VIEW bridge AS
SELECT
    written.node,
    written.grain,
    written.period,
    written.cause,
    written.amount,
    written.evidence,
    written.previous_point,
    written.point,
    written.previous_run_id,
    written.previous_as_of,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN bridge_by_run AS written ON written.run_id = published_run.run_id;

-- One row per level, grain and way to part past published forecasts.
CREATE TABLE forecast_accuracy_by_run (
    run_id TEXT NOT NULL,
    level TEXT NOT NULL,
    grain TEXT NOT NULL,
    split TEXT NOT NULL,
    part TEXT NOT NULL,
    matched BIGINT,
    coverage_50 DOUBLE PRECISION,
    coverage_80 DOUBLE PRECISION,
    coverage_95 DOUBLE PRECISION,
    bias DOUBLE PRECISION,
    wape DOUBLE PRECISION,
    mase DOUBLE PRECISION,
    naive_wape DOUBLE PRECISION,
    naive_mase DOUBLE PRECISION,
    pipeline_wape DOUBLE PRECISION,
    PRIMARY KEY (run_id, level, grain, split, part)
);

CREATE VIEW forecast_accuracy AS
SELECT
    written.level,
    written.grain,
    written.split,
    written.part,
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

-- One row per forecast of a night that the ledger keeps; it outlives the rows of its run.
CREATE TABLE ledger_forecasts (
    run_id TEXT NOT NULL REFERENCES ledger_nights (run_id),
    node TEXT NOT NULL,
    level TEXT NOT NULL,
    grain TEXT NOT NULL,
    period DATE NOT NULL,
    point DOUBLE PRECISION NOT NULL,
    low_50 DOUBLE PRECISION,
    high_50 DOUBLE PRECISION,
    low_80 DOUBLE PRECISION,
    high_80 DOUBLE PRECISION,
    low_95 DOUBLE PRECISION,
    high_95 DOUBLE PRECISION,
    naive DOUBLE PRECISION,
    pipeline DOUBLE PRECISION,
    PRIMARY KEY (run_id, node, grain, period)
);
