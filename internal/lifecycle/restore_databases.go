package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/datacheck"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// asSuperuser connects over the socket that only the container's own user may open.
var asSuperuser = []string{"--host=/tmp/postgresql", "--username=postgres"}

// loadDatabases loads the dumps of a snapshot into the stack's empty databases.
func loadDatabases(ctx context.Context, s *stack.Stack, step stack.Step, reader *backup.Reader, snapshot string) error {
	for _, database := range platform.Databases() {
		step.Say("restoring database %s", database)
		if err := loadDatabase(ctx, s, reader, snapshot, database); err != nil {
			return fmt.Errorf("database %s: %w", database, err)
		}
	}
	return nil
}

// loadDatabase loads a dump into the stack's empty database in one transaction, and compares each
// table with the content at the time of the dump.
func loadDatabase(ctx context.Context, s *stack.Stack, reader *backup.Reader, snapshot, database string) error {
	server := naming.Container(s.Config.Name, "postgres")
	dump, into := io.Pipe()
	read := make(chan error, 1)
	go func() {
		err := reader.Dump(ctx, snapshot, database, into)
		_ = into.CloseWithError(err)
		read <- err
	}()
	command := append([]string{"pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--role=" + database, "--dbname=" + database}, asSuperuser...)
	_, err := s.Docker.Run(ctx, server, command, dump)
	_ = dump.CloseWithError(errors.New("the database stopped reading"))
	if failed := <-read; err == nil || failed == nil {
		err = errors.Join(err, failed)
	}
	if err != nil {
		return err
	}
	wanted, err := reader.Checksums(ctx, snapshot, database)
	if err != nil {
		return err
	}
	got, err := sums(ctx, s, server, database)
	if err != nil {
		return err
	}
	return datacheck.RequireSameTables(wanted, got)
}

// sums returns the checksum of each table in the snapshot's format. It also makes the server
// analyze its tables, so that query plans are good from the start.
func sums(ctx context.Context, s *stack.Stack, server, database string) (string, error) {
	query, err := os.Open(filepath.Join(s.Repository, platform.ImagesFolder, "backup", "sums.sql"))
	if err != nil {
		return "", err
	}
	defer func() { _ = query.Close() }()
	command := append([]string{"psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=\t", "--set=ON_ERROR_STOP=1", "--dbname=" + database}, asSuperuser...)
	said, err := s.Docker.Run(ctx, server, command, io.MultiReader(strings.NewReader("ANALYZE;\n"), query))
	return string(said), err
}

// CountRows returns the number of rows in each database's tables.
func CountRows(ctx context.Context, s *stack.Stack) (map[string]map[string]int64, error) {
	all := map[string]map[string]int64{}
	for _, database := range platform.Databases() {
		said, err := sums(ctx, s, naming.Container(s.Config.Name, "postgres"), database)
		if err != nil {
			return nil, fmt.Errorf("rows of database %s: %w", database, err)
		}
		all[database] = map[string]int64{}
		for line := range strings.Lines(said) {
			parts := strings.Split(strings.TrimSpace(line), "\t")
			if len(parts) < 2 {
				continue
			}
			rows, err := strconv.ParseInt(parts[1], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("rows of database %s: %w", database, err)
			}
			all[database][parts[0]] = rows
		}
	}
	return all, nil
}
