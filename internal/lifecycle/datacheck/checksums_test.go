package datacheck

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACopyIsRefusedWhereAnyTableDiffersFromTheSnapshot(t *testing.T) {
	const wanted = "public.runs\t12\t-345\npublic.tags\t0\t0\n"
	require.NoError(t, RequireSameTables(wanted, "public.tags\t0\t0\npublic.runs\t12\t-345\n"))
	for name, test := range map[string]struct{ wanted, got, says string }{
		"a row is missing":      {wanted, "public.runs\t11\t-345\npublic.tags\t0\t0\n", "table public.runs"},
		"a value differs":       {wanted, "public.runs\t12\t-346\npublic.tags\t0\t0\n", "table public.runs"},
		"a table is missing":    {wanted, "public.runs\t12\t-345\n", "table public.tags"},
		"a table is too many":   {wanted, wanted + "public.more\t0\t0\n", "got 3 tables, want 2"},
		"nothing was restored":  {wanted, "", "table public.runs"},
		"nothing was set down":  {"", wanted, "no checksum of any table"},
		"nothing at both sides": {"\n", "\n", "no checksum of any table"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, RequireSameTables(test.wanted, test.got), test.says)
		})
	}
}
