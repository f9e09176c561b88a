-- Writes one database to :stage as it is at one moment, and what each of its tables
-- holds at that very moment.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS moment \gset
\setenv MOMENT :moment
\! pg_dump --dbname="service=$DATABASE" --snapshot="$MOMENT" --format=custom --compress=0 --file="$STAGE/$DATABASE.dump" && touch "$STAGE/$DATABASE.whole"
\o :sums
\i /usr/local/lib/mlflow-sso/sums.sql
\o
COMMIT;
