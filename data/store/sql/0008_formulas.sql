-- How each leak's money is counted, and how each KPI is.

ALTER TABLE leaks_by_run ADD COLUMN formula TEXT;

DROP VIEW leaks;

CREATE VIEW leaks AS
SELECT
    written.leak_id,
    written.detector,
    written.account_id,
    written.money,
    written.formula,
    written.owner_id,
    written.evidence,
    written.suggestion,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN leaks_by_run AS written ON written.run_id = published_run.run_id;

-- One row per KPI: its formula in words, and the slices that it is told for.
CREATE TABLE kpi_definitions_by_run (
    run_id TEXT NOT NULL,
    kpi TEXT NOT NULL,
    place BIGINT,
    unit TEXT,
    formula TEXT,
    slices TEXT,
    definition_version BIGINT,
    PRIMARY KEY (run_id, kpi)
);

CREATE VIEW kpi_definitions AS
SELECT
    written.kpi,
    written.place,
    written.unit,
    written.formula,
    written.slices,
    written.definition_version,
    written.run_id,
    run_records.as_of
FROM published_run
JOIN run_records ON run_records.run_id = published_run.run_id
JOIN kpi_definitions_by_run AS written ON written.run_id = published_run.run_id;
