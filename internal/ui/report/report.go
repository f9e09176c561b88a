// Package report formats check results and planned changes: as a table for people, as
// JSON, SARIF or Markdown for machines.
//
// A report shows everything that a result has, to everybody who can read the terminal or
// the log: what must stay secret is not in a result.
package report
