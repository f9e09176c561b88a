//go:build chaos

package chaos

import "testing"

func compare(t *testing.T, root string, table []suffered) { t.Helper(); _ = root; _ = table }
