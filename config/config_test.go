package config

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
)

// localhost and public are the minimal valid settings of two stacks.
func localhost() map[string]string {
	return map[string]string{
		"mlflow-sso:name":     "some-stack",
		"mlflow-sso:mlflow":   `{"publicURL":"http://localhost:5000"}`,
		"mlflow-sso:keycloak": `{"publicURL":"http://localhost:8080"}`,
		"mlflow-sso:realm":    `{"sslRequired":"none"}`,
	}
}

func public() map[string]string {
	return map[string]string{
		"mlflow-sso:name":     "some-stack",
		"mlflow-sso:edge":     `{"certificates":"internal"}`,
		"mlflow-sso:mlflow":   `{"publicURL":"https://mlflow.example.com"}`,
		"mlflow-sso:keycloak": `{"publicURL":"https://auth.example.com"}`,
	}
}

func parse(values map[string]string, secret ...string) (*Config, error) {
	return Parse(Source{
		Keys:     slices.Collect(maps.Keys(values)),
		Get:      func(key string) (string, bool) { text, set := values[key]; return text, set },
		IsSecret: func(key string) bool { return slices.Contains(secret, key) },
	})
}

func TestLeastSettingsGiveTheDocumentedDefaults(t *testing.T) {
	c, err := parse(localhost())
	require.NoError(t, err)
	require.Equal(t, "some-stack", c.Name)
	require.False(t, c.ProtectData)
	require.Equal(t, "unless-stopped", c.RestartPolicy)
	require.Equal(t, "onChange", c.Proof)
	require.Equal(t, 5000, c.MLflow.Port)
	require.Equal(t, "http://localhost:5000", c.MLflow.PublicURL.String())
	require.Equal(t, 2, c.MLflow.Workers)
	require.Equal(t, "NO_PERMISSIONS", c.MLflow.DefaultPermission)
	require.Equal(t, 10*time.Hour, c.Realm.AccessTokenLifespan)
	require.True(t, c.Keycloak.PermanentAdmin)
	require.Equal(t, 720*time.Hour, c.Realm.EventsExpiration)
	require.False(t, c.Realm.DemoUsers, "people with known names are only made on request")
	require.Equal(t, "mlflow-sso/base:trixie", c.Images.Base)

	_, err = parse(public())
	require.NoError(t, err)
}

func TestSettingsAreReadAsTheyAreWritten(t *testing.T) {
	values := public()
	values["mlflow-sso:protectData"] = "true"
	values["mlflow-sso:realm"] = `{"accessTokenLifespan":"90m","passwordPolicy":"length(20)"}`
	values["mlflow-sso:credentials"] = `{"generations":{"redis/default":3}}`
	values["mlflow-sso:images"] = `{"redis":"registry.example.com/redis@sha256:` + digest + `"}`
	values["docker:host"] = "unix:///var/run/docker.sock"
	c, err := parse(values)
	require.NoError(t, err)
	require.True(t, c.ProtectData)
	require.Equal(t, 90*time.Minute, c.Realm.AccessTokenLifespan)
	require.Equal(t, "length(20)", c.Realm.PasswordPolicy)
	require.Equal(t, "external", c.Realm.SSLRequired, "a member that is not set keeps its default")
	require.Equal(t, map[credentials.Label]int{credentials.Redis: 3}, c.Credentials.Generations)
	require.Equal(t, "registry.example.com/redis@sha256:"+digest, c.Images.Redis)
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Each mistake names its full key, what was got and what is wanted.
func TestEveryMistakeNamesItsKeyWhatWasGotAndWhatIsWanted(t *testing.T) {
	for name, test := range map[string]struct {
		start func() map[string]string
		key   string
		value string
		want  []string
	}{
		"name missing":        {localhost, "name", "", []string{"mlflow-sso:name", `got ""`, "lower-case words"}},
		"name in capitals":    {localhost, "name", "Stack", []string{"mlflow-sso:name", `got "Stack"`, "lower-case words"}},
		"name too long":       {localhost, "name", "a2345678901234567890123456789012345678901", []string{"mlflow-sso:name", "at most 40"}},
		"name ends badly":     {localhost, "name", "stack-", []string{"mlflow-sso:name", `got "stack-"`}},
		"bool":                {localhost, "protectData", `"yes"`, []string{"mlflow-sso:protectData", `got "yes"`, "want true or false"}},
		"bool as a number":    {localhost, "protectData", "1", []string{"mlflow-sso:protectData", "got 1", "want true or false"}},
		"restart":             {localhost, "restartPolicy", "sometimes", []string{"mlflow-sso:restartPolicy", `got "sometimes"`, "unless-stopped"}},
		"proof":               {localhost, "proof", "sometimes", []string{"mlflow-sso:proof", `got "sometimes"`, "onChange, always, never"}},
		"object expected":     {localhost, "postgres", "512", []string{"mlflow-sso:postgres", "got 512", "want an object"}},
		"list for an object":  {localhost, "postgres", "[]", []string{"mlflow-sso:postgres", "got []", "want an object"}},
		"broken JSON":         {localhost, "redis", "{", []string{"mlflow-sso:redis", "got {", "want an object"}},
		"whole number":        {localhost, "postgres", `{"memoryMB":"much"}`, []string{"mlflow-sso:postgres.memoryMB", `got "much"`, "want a whole number"}},
		"fraction":            {localhost, "postgres", `{"memoryMB":512.5}`, []string{"mlflow-sso:postgres.memoryMB", "got 512.5", "want a whole number"}},
		"nothing":             {localhost, "postgres", `{"memoryMB":null}`, []string{"mlflow-sso:postgres.memoryMB", "got null", "want a whole number"}},
		"too little":          {localhost, "postgres", `{"memoryMB":1}`, []string{"mlflow-sso:postgres.memoryMB", "got 1", "want 256 to"}},
		"memory per worker":   {localhost, "mlflow", `{"publicURL":"http://localhost:5000","workers":8}`, []string{"mlflow-sso:mlflow.memoryMB", "got 2048", "want 3312 to", "with 8 workers"}},
		"workers":             {localhost, "mlflow", `{"publicURL":"http://localhost:5000","workers":0}`, []string{"mlflow-sso:mlflow.workers", "got 0", "want 1 to 64"}},
		"port":                {localhost, "keycloak", `{"publicURL":"http://localhost:8080","port":70000}`, []string{"mlflow-sso:keycloak.port", "got 70000", "want 1 to 65535"}},
		"Java needs memory":   {localhost, "keycloak", `{"publicURL":"http://localhost:8080","memoryMB":128}`, []string{"mlflow-sso:keycloak.memoryMB", "got 128", "want 750 to"}},
		"cache":               {localhost, "redis", `{"memoryMB":8}`, []string{"mlflow-sso:redis.memoryMB", "got 8", "want 32 to"}},
		"contact":             {localhost, "mlflow", `{"publicURL":"http://localhost:5000","contact":"ask Ada"}`, []string{"mlflow-sso:mlflow.contact", `got "ask Ada"`, "https"}},
		"trash kept briefly":  {localhost, "mlflow", `{"publicURL":"http://localhost:5000","trashRetention":"1m"}`, []string{"mlflow-sso:mlflow.trashRetention", "got 1m0s", "want 1h to 87840h"}},
		"contact over http":   {localhost, "mlflow", `{"publicURL":"http://localhost:5000","contact":"http://example.com/help"}`, []string{"mlflow-sso:mlflow.contact", "https"}},
		"permission":          {localhost, "mlflow", `{"publicURL":"http://localhost:5000","defaultPermission":"WRITE"}`, []string{"mlflow-sso:mlflow.defaultPermission", `got "WRITE"`, "NO_PERMISSIONS"}},
		"text for a URL":      {localhost, "mlflow", `{"publicURL":5000}`, []string{"mlflow-sso:mlflow.publicURL", "got 5000", "want a text"}},
		"URL with a path":     {localhost, "mlflow", `{"publicURL":"http://localhost:5000/ui"}`, []string{"mlflow-sso:mlflow.publicURL", `got "http://localhost:5000/ui"`, "want an origin"}},
		"container's name":    {localhost, "keycloak", `{"publicURL":"http://keycloak:8080"}`, []string{"mlflow-sso:keycloak.publicURL", `"keycloak"`, "browser cannot resolve"}},
		"URL missing":         {localhost, "mlflow", `{}`, []string{"mlflow-sso:mlflow.publicURL", "got nothing", "http://localhost:5000"}},
		"two ports":           {localhost, "mlflow", `{"publicURL":"http://localhost:5001"}`, []string{"mlflow-sso:mlflow.publicURL", `got "http://localhost:5001"`, "mlflow.port is 5000"}},
		"same port":           {localhost, "keycloak", `{"publicURL":"http://localhost:5000","port":5000}`, []string{"mlflow-sso:keycloak.port", "got 5000", "want another"}},
		"public without TLS":  {public, "mlflow", `{"publicURL":"http://mlflow.example.com"}`, []string{"mlflow-sso:mlflow.publicURL", `got "http://mlflow.example.com"`, "want https"}},
		"two schemes":         {localhost, "mlflow", `{"publicURL":"https://mlflow.example.com"}`, []string{"mlflow-sso:keycloak.publicURL", `got "http://localhost:8080"`, "want the same scheme"}},
		"nothing ends TLS":    {public, "edge", `{}`, []string{"mlflow-sso:mlflow.publicURL", "mlflow-sso:keycloak.publicURL", "edge.certificates is none", "want internal, files, acme"}},
		"certificates":        {public, "edge", `{"certificates":"self-signed"}`, []string{"mlflow-sso:edge.certificates", `got "self-signed"`, "none, internal, files, acme"}},
		"http behind TLS":     {public, "mlflow", `{"publicURL":"http://mlflow.example.com"}`, []string{"mlflow-sso:mlflow.publicURL", `got "http://mlflow.example.com"`, "edge.certificates is internal", "want https"}},
		"no scheme":           {public, "mlflow", `{"publicURL":"mlflow.example.com"}`, []string{"mlflow-sso:mlflow.publicURL", `got "mlflow.example.com"`, "want an origin"}},
		"not the edge's port": {public, "mlflow", `{"publicURL":"https://mlflow.example.com:8443"}`, []string{"mlflow-sso:mlflow.publicURL", "port 8443", "edge.httpsPort is 443"}},
		"one name for both":   {public, "keycloak", `{"publicURL":"https://mlflow.example.com"}`, []string{"mlflow-sso:keycloak.publicURL", `got "https://mlflow.example.com"`, "want another"}},
		"address for a name":  {public, "mlflow", `{"publicURL":"https://192.0.2.1"}`, []string{"mlflow-sso:mlflow.publicURL", `got "https://192.0.2.1"`, "want a full domain name"}},
		"edge's ports":        {public, "edge", `{"certificates":"internal","httpPort":443}`, []string{"mlflow-sso:edge.httpsPort", "got 443", "edge.httpPort has too"}},
		"console's port":      {public, "keycloak", `{"publicURL":"https://auth.example.com","port":443}`, []string{"mlflow-sso:keycloak.port", "got 443", "edge.httpsPort has too"}},
		"edge's port":         {public, "edge", `{"certificates":"internal","httpPort":0}`, []string{"mlflow-sso:edge.httpPort", "got 0", "want 1 to 65535"}},
		"edge's address":      {public, "edge", `{"certificates":"internal","address":"eth0"}`, []string{"mlflow-sso:edge.address", `got "eth0"`, "want an IPv4 address"}},
		"subnet":              {public, "edge", `{"certificates":"internal","subnet":"lan"}`, []string{"mlflow-sso:edge.subnet", `got "lan"`, "want a subnet such as"}},
		"public subnet":       {public, "edge", `{"certificates":"internal","subnet":"100.64.0.0/24"}`, []string{"mlflow-sso:edge.subnet", "got 100.64.0.0/24", "want a private IPv4 subnet"}},
		"address as subnet":   {public, "edge", `{"certificates":"internal","subnet":"10.0.0.1/24"}`, []string{"mlflow-sso:edge.subnet", "got 10.0.0.1/24", "want 10.0.0.0/24"}},
		"tiny subnet":         {public, "edge", `{"certificates":"internal","subnet":"10.0.0.0/30"}`, []string{"mlflow-sso:edge.subnet", "got 30 bits", "want 16 to 28"}},
		"no certificate file": {public, "edge", `{"certificates":"files"}`, []string{"mlflow-sso:edge.certificateFile", "want the path of a file"}},
		"missing certificate": {public, "edge", `{"certificates":"files","certificateFile":"/nowhere/chain.pem","keyFile":"/nowhere/key.pem"}`, []string{"edge.certificateFile and edge.keyFile", `got "/nowhere/chain.pem", which does not exist`, `got "/nowhere/key.pem"`}},
		"relative file":       {public, "edge", `{"certificates":"files","certificateFile":"chain.pem","keyFile":"/nowhere/key.pem"}`, []string{`got "chain.pem", want an absolute path`}},
		"no e-mail address":   {public, "edge", `{"certificates":"acme"}`, []string{"mlflow-sso:edge.acmeEmail", `got ""`, "want one address"}},
		"directory":           {public, "edge", `{"certificates":"acme","acmeEmail":"a@example.com","acmeDirectory":"http://acme.example.com"}`, []string{"mlflow-sso:edge.acmeDirectory", `got "http://acme.example.com"`, "want an https URL"}},
		"authority's file":    {public, "edge", `{"certificates":"acme","acmeEmail":"a@example.com","acmeRootFile":"/nowhere/root.pem"}`, []string{"mlflow-sso:edge.acmeRootFile", `"/nowhere/root.pem"`}},
		"tiny requests":       {public, "edge", `{"certificates":"internal","maxRequestMB":1}`, []string{"mlflow-sso:edge.maxRequestMB", "got 1", "want 64 to"}},
		"no logins":           {public, "edge", `{"certificates":"internal","loginsPerMinute":0}`, []string{"mlflow-sso:edge.loginsPerMinute", "got 0", "want 5 to"}},
		"no requests":         {public, "edge", `{"certificates":"internal","requestsPerSecond":0}`, []string{"mlflow-sso:edge.requestsPerSecond", "got 0", "want 10 to"}},
		"endless requests":    {public, "edge", `{"certificates":"internal","requestsPerSecond":1000000}`, []string{"mlflow-sso:edge.requestsPerSecond", "got 1000000", "want 10 to 2000"}},
		"edge's memory":       {public, "edge", `{"certificates":"internal","memoryMB":8}`, []string{"mlflow-sso:edge.memoryMB", "got 8", "want 64 to"}},
		"edge's image":        {public, "images", `{"edge":"not an image"}`, []string{"mlflow-sso:images.edge", `got "not an image"`}},
		"HTTPS required":      {localhost, "realm", `{"sslRequired":"external"}`, []string{"mlflow-sso:realm.sslRequired", `got "external"`, "want none", "HTTPS required"}},
		"TLS not demanded":    {public, "realm", `{"sslRequired":"none"}`, []string{"mlflow-sso:realm.sslRequired", `got "none"`, "want external"}},
		"TLS inside":          {public, "realm", `{"sslRequired":"all"}`, []string{"mlflow-sso:realm.sslRequired", `got "all"`, "want external"}},
		"unknown requirement": {public, "realm", `{"sslRequired":"maybe"}`, []string{"mlflow-sso:realm.sslRequired", `got "maybe"`, "none, external"}},
		"loud administrator":  {public, "realm", `{"administrators":["Ada","bob","bob"]}`, []string{"mlflow-sso:realm.administrators", `got "Ada"`, "in lower case", `got "bob" twice`}},
		"unknown start mode":  {localhost, "keycloak", `{"publicURL":"http://localhost:8080","startMode":"dev"}`, []string{"mlflow-sso:keycloak.startMode", `got "dev"`, "want one of production, development"}},
		"development, edge":   {public, "keycloak", `{"publicURL":"https://auth.example.com","startMode":"development"}`, []string{"mlflow-sso:keycloak.startMode", `got "development" while edge.certificates is internal`, "want production"}},
		"development outside": {localhost, "keycloak", `{"publicURL":"http://auth.example.com:8080","startMode":"development"}`, []string{"mlflow-sso:keycloak.startMode", `while keycloak.publicURL is "http://auth.example.com:8080"`, "want production: development serves plain http and is for localhost only"}},
		"demo users outside":  {public, "realm", `{"demoUsers":true}`, []string{"mlflow-sso:realm.demoUsers", "got true", "want false"}},
		"duration":            {localhost, "realm", `{"sslRequired":"none","accessTokenLifespan":"a day"}`, []string{"mlflow-sso:realm.accessTokenLifespan", `got "a day"`, `"10h"`}},
		"duration too long":   {localhost, "realm", `{"sslRequired":"none","accessTokenLifespan":"240h"}`, []string{"mlflow-sso:realm.accessTokenLifespan", "got 240h0m0s", "want 5m to 24h"}},
		"unknown policy":      {localhost, "realm", `{"sslRequired":"none","passwordPolicy":"lengths(12)"}`, []string{"mlflow-sso:realm.passwordPolicy", `got "lengths(12)"`, `unknown policy "lengths"`, "length"}},
		"number in quotes":    {localhost, "postgres", `{"memoryMB":"512"}`, []string{"mlflow-sso:postgres.memoryMB", `got "512"`, "want a whole number, without quotes"}},
		"no policy":           {localhost, "realm", `{"sslRequired":"none","passwordPolicy":""}`, []string{"mlflow-sso:realm.passwordPolicy", `got ""`, "length(12)"}},
		"image":               {localhost, "images", `{"redis":"not an image"}`, []string{"mlflow-sso:images.redis", `got "not an image"`, "want an image reference"}},
		"no base":             {localhost, "images", `{"base":""}`, []string{"mlflow-sso:images.base", `got ""`, "base image of the built ones"}},
		"unknown credential":  {localhost, "credentials", `{"generations":{"redis/other":2}}`, []string{"mlflow-sso:credentials.generations.redis/other", "redis/default"}},
		"generation":          {localhost, "credentials", `{"generations":{"redis/default":0}}`, []string{"mlflow-sso:credentials.generations.redis/default", "got 0", "want 1 to 999"}},
		"hasty sync":          {localhost, "identitySync", `{"interval":"1s"}`, []string{"mlflow-sso:identitySync.interval", "got 1s", "want 5s to 10m"}},
		"slow sync":           {localhost, "identitySync", `{"interval":"11m"}`, []string{"mlflow-sso:identitySync.interval", "got 11m0s", "want 5s to 10m"}},
		"pruning all day":     {localhost, "identitySync", `{"pruneInterval":"10s"}`, []string{"mlflow-sso:identitySync.pruneInterval", "got 10s", "want 1m to 24h"}},
		"sync in a thimble":   {localhost, "identitySync", `{"memoryMB":16}`, []string{"mlflow-sso:identitySync.memoryMB", "got 16", "want 128"}},
		"no root secret":      {localhost, "credentials", `{"root":0}`, []string{"mlflow-sso:credentials.root", "got 0", "want 1 to 999"}},
		"standing admin":      {localhost, "keycloak", `{"publicURL":"http://localhost:8080","permanentAdmin":"no"}`, []string{"mlflow-sso:keycloak.permanentAdmin", `got "no"`, "want true or false"}},
		"events kept briefly": {public, "realm", `{"eventsExpiration":"1m"}`, []string{"mlflow-sso:realm.eventsExpiration", "got 1m0s", "want 1h to 8784h"}},
		"endless events":      {public, "realm", `{"eventsExpiration":"9000h"}`, []string{"mlflow-sso:realm.eventsExpiration", "got 9000h0m0s", "want 1h to 8784h"}},
		"generation's type":   {localhost, "credentials", `{"generations":{"redis/default":"two"}}`, []string{"mlflow-sso:credentials.generations", `"two"`, "want an object of a whole number each"}},
		"unknown key":         {localhost, "protectdata", "true", []string{"mlflow-sso:protectdata", "unknown setting", "protectData"}},
		"typed password":      {localhost, "keycloak", `{"publicURL":"http://localhost:8080","adminPassword":"admin"}`, []string{"mlflow-sso:keycloak.adminPassword", "No secret is typed"}},
		"typed secret":        {localhost, "secretKey", "0123456789abcdef", []string{"mlflow-sso:secretKey", "No secret is typed"}},
		"Postgres published":  {localhost, "postgres", `{"port":5432}`, []string{"mlflow-sso:postgres.port", "databases are never published"}},
		"Redis published":     {localhost, "redis", `{"publish":true}`, []string{"mlflow-sso:redis.publish", "databases are never published"}},
		"account's name":      {localhost, "serviceAccounts", `[{"name":"CI"}]`, []string{"mlflow-sso:serviceAccounts[0].name", `got "CI"`, "lower-case words"}},
		"name and group":      {localhost, "serviceAccounts", `[{"name":"CI bot","groups":["robots"]}]`, []string{"mlflow-sso:serviceAccounts[0].name", "mlflow-sso:serviceAccounts[0].groups", `unknown group "robots"`}},
		"two accounts":        {localhost, "serviceAccounts", `[{"name":"ci"},{"name":"ci"}]`, []string{"mlflow-sso:serviceAccounts[ci]: got the name twice"}},
		"account's group":     {localhost, "serviceAccounts", `[{"name":"ci","groups":["robots"]}]`, []string{"mlflow-sso:serviceAccounts[ci].groups", `unknown group "robots"`, "want one of mlflow-admins, mlflow-users"}},
		"group twice":         {localhost, "serviceAccounts", `[{"name":"ci","groups":["mlflow-users","mlflow-users"]}]`, []string{"mlflow-sso:serviceAccounts[ci].groups", `got "mlflow-users" twice`}},
		"admin by the way":    {localhost, "serviceAccounts", `[{"name":"ci","groups":["mlflow-admins"]}]`, []string{"mlflow-sso:serviceAccounts[ci].admin", "got false while it is in group mlflow-admins"}},
		"admin in no group":   {localhost, "serviceAccounts", `[{"name":"ci","groups":["mlflow-users"],"admin":true}]`, []string{"mlflow-sso:serviceAccounts[ci].admin", "got true while it is not in group mlflow-admins"}},
		"MLflow's client":     {localhost, "serviceAccounts", `[{"name":"mlflow"}]`, []string{"mlflow-sso:serviceAccounts[mlflow].name", "the ID of another client in Keycloak"}},
		"Keycloak's client":   {localhost, "serviceAccounts", `[{"name":"admin-cli"}]`, []string{"mlflow-sso:serviceAccounts[admin-cli].name", "the ID of another client in Keycloak"}},
		"endless token":       {localhost, "serviceAccounts", `[{"name":"ci","tokenMinutes":10000}]`, []string{"mlflow-sso:serviceAccounts[ci].tokenMinutes", "got 10000, want 1 to 1440"}},
		"accounts by name":    {localhost, "serviceAccounts", `{"ci":{}}`, []string{"mlflow-sso:serviceAccounts: got", "want a list"}},
		"account's member":    {localhost, "serviceAccounts", `[{"name":"ci","group":"x"}]`, []string{"mlflow-sso:serviceAccounts[0].group: unknown setting, want one of name, groups, admin, tokenMinutes"}},
		"account's password":  {localhost, "serviceAccounts", `[{"name":"ci","secret":"0123"}]`, []string{"mlflow-sso:serviceAccounts[0].secret", "No secret is typed"}},
		"unknown generation":  {localhost, "credentials", `{"generations":{"service-account/ci":2}}`, []string{"mlflow-sso:credentials.generations.service-account/ci: unknown credential", "service-account/<name>"}},
		"unknown member":      {localhost, "postgres", `{"memory":512}`, []string{"mlflow-sso:postgres.memory", "unknown setting", "memoryMB"}},
	} {
		t.Run(name, func(t *testing.T) {
			values := test.start()
			values["mlflow-sso:"+test.key] = test.value
			if test.key == "name" && test.value == "" {
				delete(values, "mlflow-sso:name")
			}
			c, err := parse(values)
			require.Nil(t, c, "a configuration with a mistake in it must not be used")
			for _, want := range append(test.want, "configuration: ") {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestNoGenerationIsSetForAMissingUser(t *testing.T) {
	values := localhost()
	values["mlflow-sso:credentials"] = `{"generations":{"keycloak/admin":1}}`
	_, err := parse(values)
	require.NoError(t, err)

	values["mlflow-sso:keycloak"] = `{"publicURL":"http://localhost:8080","permanentAdmin":false}`
	_, err = parse(values)
	require.ErrorContains(t, err, "mlflow-sso:credentials.generations.keycloak/admin: got 1 while keycloak.permanentAdmin is false, want it left out")
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	values := localhost()
	values["mlflow-sso:protectData"] = "maybe"
	values["mlflow-sso:postgres"] = `{"memoryMB":"much","colour":"blue"}`
	values["mlflow-sso:nothing"] = "x"
	_, err := parse(values)
	for _, key := range []string{"protectData", "postgres.memoryMB", "postgres.colour", "nothing"} {
		require.ErrorContains(t, err, "mlflow-sso:"+key+": ")
	}

	values = localhost()
	values["mlflow-sso:name"] = "No"
	values["mlflow-sso:restartPolicy"] = "no way"
	values["mlflow-sso:redis"] = `{"memoryMB":1}`
	_, err = parse(values)
	for _, key := range []string{"name", "restartPolicy", "redis.memoryMB"} {
		require.ErrorContains(t, err, "mlflow-sso:"+key+": ")
	}
}

func TestEncryptedSettingIsRefusedAndNotRepeated(t *testing.T) {
	values := localhost()
	values["mlflow-sso:name"] = "hidden-value"
	_, err := parse(values, "mlflow-sso:name")
	require.ErrorContains(t, err, "mlflow-sso:name: is encrypted, want plain text")
	require.NotContains(t, err.Error(), "hidden-value")
}

func TestOtherProjectsKeysAreIgnored(t *testing.T) {
	values := localhost()
	values["docker:host"], values["mlflow-sso-other:name"] = "x", "y"
	_, err := parse(values)
	require.NoError(t, err)
}

func FuzzNoTextMakesTheDecoderPanicOrLetsAMistakeThrough(f *testing.F) {
	for _, seed := range []string{"{}", "[]", "null", `{"memoryMB":512}`, `{"memoryMB":{}}`, `{"memoryMB":1e3}`, "{", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values := localhost()
		values["mlflow-sso:postgres"] = text
		c, err := parse(values)
		require.Equal(t, err != nil, c == nil)
		if c != nil {
			require.GreaterOrEqual(t, c.Postgres.MemoryMB, 256)
		}
	})
}
