-- A million runs of one experiment, with a million values of each of three metrics, a param and a tag. Constraints between
-- tables are not checked meanwhile: that takes longer than the rows.
SET session_replication_role = replica;
SET synchronous_commit = off;
SET statement_timeout = 0;
INSERT INTO runs (run_uuid, name, source_type, source_name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id)
  SELECT md5('r' || i), 'run-' || i, 'LOCAL', '', 'scientist', 'FINISHED', 1700000000000 + i * 1000, 1700000060000 + i * 1000, 'active',
         'mlflow-artifacts:/' || :experiment || '/' || md5('r' || i) || '/artifacts', :experiment
    FROM generate_series(1, 1000000) i;
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
  SELECT key, random() - CASE key WHEN 'a' THEN 0.3 ELSE 0 END, 1700000000000 + i * 1000, 0, false, md5('r' || i)
    FROM generate_series(1, 1000000) i, unnest(ARRAY['a', 'b', 'c']) key;
INSERT INTO params (key, value, run_uuid) SELECT 'b', (i % 1000)::text, md5('r' || i) FROM generate_series(1, 1000000) i;
INSERT INTO tags (key, value, run_uuid) SELECT 't', CASE i % 3 WHEN 0 THEN 'x' ELSE 'y' END, md5('r' || i) FROM generate_series(1, 1000000) i;
ANALYZE runs, latest_metrics, params, tags;
