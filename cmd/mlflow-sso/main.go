// Command mlflow-sso is the operator's tool: it prepares a machine, brings a
// stack up, proves that people can log in, and takes the stack down again.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
