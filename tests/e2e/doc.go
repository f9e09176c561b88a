//go:build e2e

// Package e2e tests real stacks: deployed, used, broken and destroyed with Docker.
package e2e
