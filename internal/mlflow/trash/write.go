package trash

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Write writes a result for a terminal. The heading says whether the rows and files are deleted
// or would be.
func Write(w io.Writer, r Result, heading string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, columns ...any) { _, _ = fmt.Fprintf(table, format+"\n", columns...) } // tabwriter reports at Flush
	line("%s\tCOUNT\tFILES\tSIZE", heading)
	for _, row := range []struct {
		what  string
		count int64
	}{
		{"experiments in the trash", r.Rows.Experiments},
		{"runs in the trash or in these experiments", r.Rows.Runs},
		{"logged models in the trash or in these experiments", r.Rows.LoggedModels},
		{"traces in these experiments", r.Rows.Traces},
	} {
		line("%s\t%d\t\t", row.what, row.count)
	}
	for _, row := range []struct {
		what string
		of   Files
	}{
		{"their folders", r.Files.Trash},
		{"folders that no row names", r.Files.Orphans},
		{"uploads that never ended", r.Files.Uploads},
	} {
		line("%s\t%d\t%d\t%s", row.what, row.of.Places, row.of.Files, bytesText(row.of.Bytes))
	}
	line("total\t\t\t%s", bytesText(r.Bytes()))
	if err := table.Flush(); err != nil {
		return err
	}
	for _, part := range []func(io.Writer, Result) error{writeKept, writeLargest, writeFailures} {
		if err := part(w, r); err != nil {
			return err
		}
	}
	return nil
}

func writeKept(w io.Writer, r Result) error {
	if r.KeptCount > 0 {
		if _, err := fmt.Fprintf(w, "\n%d kept because something else needs them:\n", r.KeptCount); err != nil {
			return err
		}
	}
	for _, kept := range r.Kept {
		if _, err := fmt.Fprintf(w, "  %s: %s\n", shown(kept.What), shown(kept.Why)); err != nil {
			return err
		}
	}
	for _, row := range []struct {
		count int64
		why   string
	}{
		{r.Files.Recent.Places, "folders that no row names: they are recent, and may be part of an upload"},
		{r.Files.Foreign.Places, "folders of unknown origin, older than the database or of an experiment that it never had: add --unknown-origin to delete them"},
		{r.Unknown, "files or folders outside of MLflow's layout"},
	} {
		if row.count == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "kept: %d %s\n", row.count, row.why); err != nil {
			return err
		}
	}
	return nil
}

func writeLargest(w io.Writer, r Result) error {
	if len(r.Largest) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\nLARGEST\tKIND\tSIZE")
	for _, one := range r.Largest {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", shown(one.Place), one.Kind, bytesText(one.Bytes))
	}
	return table.Flush()
}

func writeFailures(w io.Writer, r Result) error {
	if r.FailureCount == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\n%d could not be deleted:\n", r.FailureCount); err != nil {
		return err
	}
	for _, one := range r.Failures {
		if _, err := fmt.Fprintf(w, "  %s: %s\n", shown(one.What), shown(one.Error)); err != nil {
			return err
		}
	}
	return nil
}

// shown escapes a user-chosen name, which could otherwise move the cursor.
func shown(text string) string {
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return fmt.Sprintf("%q", text)
		}
	}
	return text
}

// bytesText formats a size.
func bytesText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
