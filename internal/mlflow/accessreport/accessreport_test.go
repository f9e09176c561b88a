package accessreport

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

var declared = []accessrule.Rule{
	{Who: accessrule.Group, Name: "mlflow-users", Kind: accessrule.Experiment, Pattern: "fraud-*", Permission: "EDIT"},
	{Who: accessrule.Group, Name: "mlflow-users", Kind: accessrule.Experiment, Pattern: "*", Permission: "READ"},
	{Who: accessrule.User, Name: "mel@example.com", Kind: accessrule.Model, Pattern: "churn", Permission: "MANAGE"},
}

func given(r accessrule.Rule) accessclient.Grant {
	return accessclient.Grant{Kind: r.Kind, Regex: r.Pattern.Regex(), Priority: r.Pattern.Priority(), Permission: r.Permission}
}

// everyAccount is a member with a grant of each kind, an administrator, a deactivated user and a
// service account.
func everyAccount() accessclient.AllAccounts {
	changed := given(declared[1])
	changed.Permission = "MANAGE"
	return accessclient.AllAccounts{
		Groups: []accessclient.Group{{Name: "mlflow-users", Rules: []accessclient.Grant{given(declared[0]), changed}}},
		People: []accessclient.Person{
			{Name: "zoe@example.com", Active: true, Admin: true, May: []accessclient.Decision{{Kind: accessrule.Experiment, Name: "fraud-1", Permission: "NO_PERMISSIONS", Source: "fallback"}}},
			{Name: "mel@example.com", Active: true, Groups: []string{"mlflow-users"}, Rules: []accessclient.Grant{given(declared[2])}, May: []accessclient.Decision{
				{Kind: accessrule.Experiment, Name: "fraud-1", Permission: "EDIT", Source: "group-regex"},
				{Kind: accessrule.Experiment, Name: "other", Permission: "MANAGE", Source: "group-regex"},
				{Kind: accessrule.Experiment, Name: "mine", Permission: "MANAGE", Source: "user"},
				{Kind: accessrule.Model, Name: "churn", Permission: "MANAGE", Source: "regex"},
				{Kind: accessrule.Model, Name: "secret", Permission: "NO_PERMISSIONS", Source: "fallback"},
			}},
			{Name: "gone@example.com", Admin: true, May: []accessclient.Decision{{Kind: accessrule.Model, Name: "churn", Permission: "MANAGE", Source: "user"}}},
			{Name: "service-account-ci", Active: true, Service: true, May: []accessclient.Decision{{Kind: accessrule.Prompt, Name: "hello", Permission: "READ", Source: "regex"}}},
		},
	}
}

func of(t *testing.T, r Report, name string) map[string]Decision {
	t.Helper()
	for _, p := range r.People {
		if p.Name == name {
			all := map[string]Decision{}
			for _, may := range p.May {
				all[may.Name] = may
			}
			return all
		}
	}
	require.Fail(t, "no user of that name", name)
	return nil
}

func TestEachDecisionNamesItsRule(t *testing.T) {
	r := Build("lab", everyAccount(), declared)

	mel := of(t, r, "mel@example.com")
	require.Equal(t, Decision{"experiments", "fraud-1", "EDIT", "group mlflow-users: experiments fraud-*"}, mel["fraud-1"])
	require.Equal(t, "user mel@example.com: models churn", mel["churn"].Because)
	require.Equal(t, "granted to the user in MLflow, or as its creator", mel["mine"].Because)
	require.NotContains(t, mel, "secret")
	require.Equal(t, "MANAGE", of(t, r, "zoe@example.com")["fraud-1"].Permission)
	require.Empty(t, of(t, r, "gone@example.com"), "a deactivated user may do nothing")
	require.Equal(t, "a rule that cannot be determined", of(t, r, "service-account-ci")["hello"].Because)
}

func TestARuleOutsideOfTheStackFileIsShownAsManual(t *testing.T) {
	r := Build("lab", everyAccount(), declared)

	origins := map[string]string{}
	for _, rule := range r.Rules {
		origins[rule.Name+" "+rule.Pattern] = rule.Origin()
	}
	require.Equal(t, map[string]string{
		"mlflow-users fraud-*": "stack file", "mlflow-users *": "manual", "mel@example.com churn": "stack file",
	}, origins)
	require.Equal(t, "group mlflow-users: experiments *, created manually", of(t, r, "mel@example.com")["other"].Because)
	for _, rule := range Build("lab", everyAccount(), nil).Rules {
		require.False(t, rule.Declared)
	}
}

func TestTheReportStatesItsCoverage(t *testing.T) {
	all := everyAccount()
	all.Looked = map[accessrule.Kind]int{accessrule.Experiment: 5003, accessrule.Model: 12, accessrule.Prompt: 1}
	const said = "Checked experiments: 5003, models: 12, prompts: 1, users and service accounts: 4, groups: 1."
	for name, write := range map[string]func(io.Writer, Report) error{"table": Write, "page": WriteHTML} {
		var out bytes.Buffer
		require.NoError(t, write(&out, Build("lab", all, declared)))
		require.Contains(t, out.String(), said, name)
	}
	var raw bytes.Buffer
	require.NoError(t, WriteJSON(&raw, Build("lab", all, declared)))
	require.Contains(t, raw.String(), `"experiments": 5003`)

	all.Looked = nil
	require.Contains(t, Build("lab", all, declared).Coverage.String(), "may be incomplete", "an image that does not count")
}

func TestEveryFormatHasEveryDecisionAndNoNameIsMarkup(t *testing.T) {
	all := everyAccount()
	all.People[1].May = append(all.People[1].May, accessclient.Decision{Kind: accessrule.Experiment, Name: "<script>\x1b[2J", Permission: "READ", Source: "user"})
	r := Build("lab", all, declared)

	var table, page, raw bytes.Buffer
	require.NoError(t, Write(&table, r))
	require.NoError(t, WriteHTML(&page, r))
	require.NoError(t, WriteJSON(&raw, r))

	for _, text := range []string{"fraud-*", "manual", "mel@example.com", "gone@example.com", "deactivated", "granted to the user"} {
		require.Contains(t, table.String(), text)
		require.Contains(t, page.String(), text)
	}
	require.NotContains(t, table.String(), "\x1b")
	require.NotContains(t, page.String(), "<script>")
	var read Report
	require.NoError(t, json.Unmarshal(raw.Bytes(), &read))
	require.Len(t, read.People, len(r.People))
	require.Len(t, read.Rules, len(r.Rules))
}
