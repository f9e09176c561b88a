// Package report formats check results and planned changes: as a table for a terminal, as JSON,
// SARIF or Markdown for programs.
//
// A report shows everything in a result, on a terminal or in a log: results must not contain
// secrets.
package report
