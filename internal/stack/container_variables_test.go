package stack

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

func TestOfTheEnvironmentOnlyTheNamesOfVariablesAreReported(t *testing.T) {
	before := variables(`["KEPT=1","GONE=of-old","PASSWORD=one","URI=a=b"]`)
	after := variables(`["KEPT=1","NEW=of-new","PASSWORD=two","URI=a=c"]`)
	other := report.Property{Name: "memory", Old: json.RawMessage("1"), New: json.RawMessage("2")}

	got := named([]report.Property{{Name: "envs[0]"}, {Name: "envs[3]"}, other}, before, after, true)

	require.Equal(t, []report.Property{
		{Name: "envs.GONE", Old: report.Secret, Forces: true},
		{Name: "envs.NEW", New: report.Secret, Forces: true},
		{Name: "envs.PASSWORD", Old: report.Secret, New: report.Secret, Forces: true},
		{Name: "envs.URI", Old: report.Secret, New: report.Secret, Forces: true},
		other,
	}, got)
}

func TestValuesThatAreNoSecretAreShown(t *testing.T) {
	before := variables(`["MLFLOW_WORKERS=2","DEFAULT_MLFLOW_PERMISSION=READ","SECRET_KEY=0123456789","OIDC_SCOPE=openid"]`)
	after := variables(`["MLFLOW_WORKERS=3","MLFLOW_SSO_CONTACT=ask@example.com","SECRET_KEY=9876543210","OIDC_SCOPE=openid"]`)
	require.Equal(t, []report.Property{
		{Name: "envs.DEFAULT_MLFLOW_PERMISSION", Old: json.RawMessage(`"READ"`)},
		{Name: "envs.MLFLOW_SSO_CONTACT", New: json.RawMessage(`"ask@example.com"`)},
		{Name: "envs.MLFLOW_WORKERS", Old: json.RawMessage(`"2"`), New: json.RawMessage(`"3"`)},
		{Name: "envs.SECRET_KEY", Old: report.Secret, New: report.Secret},
	}, named(nil, before, after, false))
}

// By its name it holds none: an earlier release, or a mistake, may have put one there.
func TestASecretInAVariableThatHoldsNoneIsNotShown(t *testing.T) {
	before := variables(`["OIDC_SCOPE=openid","MLFLOW_S3_ENDPOINT_URL=https://user:pass@s3.example.com","SECRET_KEY=0123456789"]`)
	after := variables(`["OIDC_SCOPE=openid 0123456789","MLFLOW_S3_ENDPOINT_URL=https://s3.example.com","SECRET_KEY=9876543210"]`)
	require.Equal(t, []report.Property{
		{Name: "envs.MLFLOW_S3_ENDPOINT_URL", Old: report.Secret, New: json.RawMessage(`"https://s3.example.com"`)},
		{Name: "envs.OIDC_SCOPE", Old: json.RawMessage(`"openid"`), New: report.Secret},
		{Name: "envs.SECRET_KEY", Old: report.Secret, New: report.Secret},
	}, named(nil, before, after, false))
}

// As with a new root secret, whose values are created during the update.
func TestAVariableWithAnUnknownValueIsNotReportedAsRemoved(t *testing.T) {
	before := variables(`["KEPT=1","PASSWORD=one"]`)
	after := variables(`["KEPT=1","` + plugin.UnknownStringValue + `"]`)
	require.Equal(t, []report.Property{{Name: "envs.PASSWORD", Old: report.Secret, New: report.Unknown, Forces: true}},
		named([]report.Property{{Name: "envs[0]"}}, before, after, true))
}

func TestWhereAnEnvironmentCannotBeReadTheEnginesWordStays(t *testing.T) {
	engine := []report.Property{{Name: "envs[0]", Old: report.Secret, New: report.Unknown}}
	for _, unread := range []string{"", "not json", `{"A":"b"}`, `[1]`} {
		require.Equal(t, engine, named(engine, variables(`["A=1"]`), variables(unread), false))
		require.Equal(t, engine, named(engine, variables(unread), variables(`["A=1"]`), false))
	}
}

func TestThePlanIsOpenedWithTheStacksOwnPassphrase(t *testing.T) {
	s := mirrored(t, repositoryWith(t, ""))
	t.Setenv("PULUMI_CONFIG_PASSPHRASE", "a phrase")
	salt := []byte("12345678")
	file := filepath.Join(s.mirror, "Pulumi.lab.yaml")
	require.NoError(t, os.WriteFile(file, []byte("encryptionsalt: v1:"+base64.StdEncoding.EncodeToString(salt)+":v1:x:y\n"), 0o600))
	encrypted, err := config.NewSymmetricCrypterFromPassphrase("a phrase", salt).EncryptValue(context.Background(), `["A=b"]`)
	require.NoError(t, err)
	content, err := json.Marshal(map[string]any{"resourcePlans": map[string]any{
		"changed": planOf(TypeContainer, "updates", map[string]any{resource.SigKey: resource.SecretSig, "ciphertext": encrypted}),
		"new":     planOf(TypeContainer, "adds", map[string]any{resource.SigKey: resource.SecretSig, "ciphertext": "x"}),
		"plain":   planOf(TypeContainer, "updates", []string{"A=b"}),
		"other":   planOf(TypeRealm, "updates", marked()),
	}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(path, content, 0o600))

	found, err := readPlan(path)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"changed": encrypted, "new": "x"}, found)
	open, err := s.decrypter()
	require.NoError(t, err)
	plain, err := open.DecryptValue(context.Background(), found["changed"])
	require.NoError(t, err)
	require.Equal(t, map[string]string{"A": "b"}, variables(plain))

	require.NoError(t, os.WriteFile(file, []byte("secretsprovider: awskms://key\nencryptedkey: x\n"), 0o600))
	open, err = s.decrypter()
	require.NoError(t, err)
	require.Nil(t, open, "not a passphrase")
}

func planOf(kind, where string, value any) map[string]any {
	return map[string]any{"goal": map[string]any{"type": kind, "inputDiff": map[string]any{where: map[string]any{environment: value}}}}
}

func TestTheStateReportsTheEnvironmentItHasWrittenDown(t *testing.T) {
	read := &State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		{URN: urn(TypeContainer, "c"), Type: TypeContainer, Inputs: map[string]any{environment: map[string]any{
			resource.SigKey: resource.SecretSig, "plaintext": `["A=b"]`,
		}}},
	}}}
	require.Equal(t, map[string]string{"A": "b"}, read.variables(string(urn(TypeContainer, "c"))))
	require.Nil(t, read.variables(string(urn(TypeContainer, "other"))))
}
