package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
)

// withAccess is a stack on localhost with a service account and these access rules.
func withAccess(rules string) map[string]string {
	values := localhost()
	values["mlflow-sso:serviceAccounts"] = `[{"name":"ci","groups":["mlflow-users"]}]`
	values["mlflow-sso:access"] = rules
	return values
}

func TestEachRuleOfAccessIsOneOfItsOwnInAFixedOrder(t *testing.T) {
	c, err := parse(withAccess(`[{"group":"mlflow-users","experiments":{"b-*":"READ","a":"EDIT"},"prompts":{"*":"USE"}},
		{"serviceAccount":"ci","models":{"m":"MANAGE"},"future":true}]`))
	require.NoError(t, err)
	require.Equal(t, []accessrule.Rule{
		{Who: accessrule.Group, Name: "mlflow-users", Kind: accessrule.Experiment, Pattern: "a", Permission: "EDIT"},
		{Who: accessrule.Group, Name: "mlflow-users", Kind: accessrule.Experiment, Pattern: "b-*", Permission: "READ"},
		{Who: accessrule.Group, Name: "mlflow-users", Kind: accessrule.Prompt, Pattern: "*", Permission: "USE"},
		{Who: accessrule.ServiceAccount, Name: "service-account-ci", Kind: accessrule.Model, Pattern: "m", Permission: "MANAGE", Future: true},
	}, c.Rules())
}

func TestEveryMistakeAboutAccessNamesItsKeyWhatWasGotAndWhatIsWanted(t *testing.T) {
	for name, test := range map[string]struct {
		rules string
		want  []string
	}{
		"unknown group":       {`[{"group":"robots","experiments":{"a":"READ"}}]`, []string{"access[0].group: ", `got the unknown group "robots"`, "mlflow-users"}},
		"unknown account":     {`[{"serviceAccount":"cd","experiments":{"a":"READ"}}]`, []string{"access[0].serviceAccount: ", `got "cd", which is not declared`}},
		"no address":          {`[{"user":"Mel","experiments":{"a":"READ"}}]`, []string{"access[0].user: ", `got "Mel"`, "e-mail address in lower case"}},
		"no subject":          {`[{"experiments":{"a":"READ"}}]`, []string{"access[0]: got 0 of group, user and serviceAccount, want one"}},
		"two at once":         {`[{"group":"mlflow-users","serviceAccount":"ci","experiments":{"a":"READ"}}]`, []string{"access[0]: got 2 of group, user and serviceAccount"}},
		"nothing":             {`[{"group":"mlflow-users"}]`, []string{"access[0]: got no experiments, models or prompts"}},
		"unknown permission":  {`[{"group":"mlflow-users","experiments":{"a":"WRITE"}}]`, []string{"access[0].experiments[a]: ", `got "WRITE"`, "READ, USE, EDIT, MANAGE"}},
		"regular expression":  {`[{"group":"mlflow-users","models":{"^a.+$":"READ"}}]`, []string{"access[0].models[^a.+$]: ", "not a regular expression"}},
		"the same twice":      {`[{"group":"mlflow-users","experiments":{"a":"READ"}},{"group":"mlflow-users","experiments":{"a":"EDIT"}}]`, []string{`"group/mlflow-users/experiments/a" twice, READ and EDIT`}},
		"rules that disagree": {`[{"group":"mlflow-users","experiments":{"fraud-*":"READ","*-eu":"EDIT"}}]`, []string{`EDIT on "*-eu" and READ on "fraud-*" for group mlflow-users`, "neither pattern is the narrower one"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse(withAccess(test.rules))
			require.Nil(t, c)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
	_, err := parse(withAccess(`[{"group":"mlflow-users","experiments":{"fraud-*":"READ","fraud-eu":"EDIT","*":"READ"}}]`))
	require.NoError(t, err, "the narrower one decides")
}
