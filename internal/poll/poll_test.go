package poll

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAnswerEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		require.NoError(t, Until(t.Context(), time.Second, time.Minute, func(context.Context) (bool, error) {
			asked++
			return asked == 3, nil
		}))
		require.Equal(t, 3, asked)
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestAnErrorEndsTheWaitAsItIs(t *testing.T) {
	broken := errors.New("broken")
	require.Equal(t, broken, Until(t.Context(), time.Hour, 0, func(context.Context) (bool, error) { return false, broken }))
}

func TestAWaitEndsWithItsContextAndAtItsLimit(t *testing.T) {
	never := func(context.Context) (bool, error) { return false, nil }
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.ErrorIs(t, Until(t.Context(), time.Second, 90*time.Second, never), ErrTimeout)
		require.Equal(t, 90*time.Second, time.Since(began))

		cause := errors.New("the caller went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Second, func() { cancel(cause) })
		began = time.Now()
		require.Equal(t, cause, Until(ctx, time.Hour, 0, never))
		require.Equal(t, 30*time.Second, time.Since(began))
	})
}
