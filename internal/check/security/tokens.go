package security

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// tokens are attacks with tokens that Keycloak did not sign, or that are not for MLflow, or not
// currently valid.
func (c *suite) tokens() []attack {
	const genuine = "the token from which it was made is accepted"
	const next = "check OIDC_ISSUER and OIDC_AUDIENCE in the environment of {mlflow}, and the versions in images/mlflow/requirements.txt"
	return []attack{
		{
			name: "unsigned-token", tries: "a member's token without a signature: `alg` none in several spellings, or the signature removed",
			control: genuine, defence: "the plugin accepts a fixed list of algorithms", next: next, run: c.unsigned,
		},
		{
			name: "wrongly-signed-token", tries: "a token that makes the member an administrator, with the old signature or signed with the attacker's key, which the token's header names or contains",
			control: genuine, defence: "signatures are verified with Keycloak's published keys only", next: next, run: c.wronglySigned,
		},
		{
			name: "hs256-public-key", tries: "a token signed by HMAC with Keycloak's public key as the secret, in four encodings of that key",
			control: genuine, defence: "the plugin accepts no symmetric algorithm", next: next, run: c.publicKeyAsSecret,
		},
		{
			name: "expired-token", tries: "a token that Keycloak signed for MLflow and that was used before, after it expired",
			control: "the same token is accepted before it expires", defence: "`exp` is checked at each request, without leeway", next: next, run: c.expired,
		},
		{
			name: "wrong-audience-token", tries: "a token that Keycloak signed for another client of the realm",
			control: "the same token with MLflow's audience is accepted", defence: "`OIDC_AUDIENCE` is set", next: next, run: c.wrongAudience,
		},
		{
			name: "wrong-issuer-token", tries: "a token for MLflow's audience that Keycloak's realm `master` signed",
			control: "the same token from MLflow's realm is accepted", defence: "`OIDC_ISSUER` and the keys of one realm", next: next, run: c.wrongIssuer,
		},
	}
}

// headerOf returns a token's header for a forged one. go-jose keeps only the fields that it
// knows.
func headerOf(token string) (map[string]any, error) {
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return nil, errors.New("the token has no header in base64url")
	}
	var header map[string]any
	return header, json.Unmarshal(raw, &header)
}

// expectRefused requires 401 for every forged token, and then that the genuine one is accepted.
func (c *suite) expectRefused(ctx context.Context, genuine string, forged map[string]string) error {
	for _, what := range slices.Sorted(maps.Keys(forged)) {
		status, err := c.searchWith(ctx, forged[what])
		if err != nil {
			return err
		}
		if status != http.StatusUnauthorized {
			return check.Mismatch(fmt.Sprintf("%d for %s", status, what), "401")
		}
	}
	return c.expectTaken(ctx, genuine, "the genuine token")
}

// expectTaken is the control of every attack with a token.
func (c *suite) expectTaken(ctx context.Context, token, what string) error {
	status, err := c.searchWith(ctx, token)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d for %s, wanted 200", status, what)
	}
	return check.NotRun(err)
}

func (c *suite) unsigned(ctx context.Context) (string, error) {
	forged := map[string]string{}
	for _, alg := range []string{"none", "None", "NONE"} {
		for name, signature := range map[string]string{"without a signature": "", "with the old signature": scenario.Signature(c.thiefToken)} {
			made, err := scenario.Forge(c.thiefToken, map[string]any{"alg": alg, "typ": "JWT"}, nil, scenario.Keep(signature))
			if err != nil {
				return "", err
			}
			forged["a token of alg "+alg+" "+name] = made
		}
	}
	cut, err := scenario.Forge(c.thiefToken, nil, nil, scenario.Keep(""))
	if err != nil {
		return "", err
	}
	forged["a token whose signature was cut off"] = cut
	return fmt.Sprintf("%d unsigned tokens are refused, the signed one is accepted", len(forged)), c.expectRefused(ctx, c.thiefToken, forged)
}

func (c *suite) wronglySigned(ctx context.Context) (string, error) {
	promoted := map[string]any{"email": c.admin.Email, "groups": []string{c.stack.Realm.AdminGroup}}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	sign := func(signed string) string {
		sum := sha256.Sum256([]byte(signed))
		made, _ := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]) // a key of 2048 bits signs any digest
		return base64.RawURLEncoding.EncodeToString(made)
	}
	header, err := headerOf(c.thiefToken)
	if err != nil {
		return "", err
	}
	holding, unknown := maps.Clone(header), maps.Clone(header)
	holding["jwk"] = jose.JSONWebKey{Key: key.Public(), Algorithm: "RS256", Use: "sig"}
	unknown["kid"] = "attacker"
	forged := map[string]string{}
	for what, with := range map[string]struct {
		header map[string]any
		sign   func(string) string
	}{
		"changed claims under the old signature":         {nil, scenario.Keep(scenario.Signature(c.thiefToken))},
		"changed claims signed with an attacker's key":   {nil, sign},
		"the same whose header holds the attacker's key": {holding, sign},
		"the same whose header names an unknown key":     {unknown, sign},
	} {
		if forged[what], err = scenario.Forge(c.thiefToken, with.header, promoted, with.sign); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d tokens that claim to be the administrator's are refused", len(forged)), c.expectRefused(ctx, c.thiefToken, forged)
}

func (c *suite) publicKeyAsSecret(ctx context.Context) (string, error) {
	got, err := c.ask(ctx, request{method: http.MethodGet, url: c.visit.Keys()})
	if err != nil {
		return "", check.NotRun(err)
	}
	var set jose.JSONWebKeySet
	if err := got.into(&set); err != nil {
		return "", check.NotRun(fmt.Errorf("the keys of Keycloak: %w", err))
	}
	header, err := headerOf(c.thiefToken)
	if err != nil {
		return "", err
	}
	id, _ := header["kid"].(string)
	keys := set.Key(id)
	if len(keys) == 0 {
		return "", check.NotRun(errors.New("the key that signed the token is not among those that Keycloak publishes"))
	}
	der, err := x509.MarshalPKIXPublicKey(keys[0].Key)
	if err != nil {
		return "", err
	}
	written, err := keys[0].MarshalJSON()
	if err != nil {
		return "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	forged := map[string]string{}
	for what, secret := range map[string][]byte{"PEM": text, "PEM without its last line end": text[:len(text)-1], "DER": der, "JSON": written} {
		for _, kid := range []bool{true, false} {
			with := map[string]any{"alg": "HS256", "typ": "JWT"}
			if kid {
				with["kid"] = id
			}
			made, err := scenario.Forge(c.thiefToken, with, map[string]any{"email": c.admin.Email}, func(signed string) string {
				mac := hmac.New(sha256.New, secret)
				_, _ = mac.Write([]byte(signed))
				return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
			})
			if err != nil {
				return "", err
			}
			forged[fmt.Sprintf("HS256 with the public key in %s, key named: %t", what, kid)] = made
		}
	}
	return fmt.Sprintf("%d tokens signed with the public key are refused", len(forged)), c.expectRefused(ctx, c.thiefToken, forged)
}

// lifeOfExpired is long enough for one use and short enough to wait for.
const lifeOfExpired = 3

func (c *suite) expired(ctx context.Context) (string, error) {
	m, err := c.newMint(ctx, c.stack.Realm.Name, c.stack.Realm.ClientID, lifeOfExpired)
	if err != nil {
		return "", check.NotRun(err)
	}
	token, err := c.token(ctx, m)
	if err != nil {
		return "", check.NotRun(err)
	}
	if err := c.expectTaken(ctx, token, "the token before its end"); err != nil {
		return "", err
	}
	if err := poll.Pause(ctx, (lifeOfExpired+1)*time.Second); err != nil {
		return "", err
	}
	status, err := c.searchWith(ctx, token)
	if err == nil && status != http.StatusUnauthorized {
		err = check.Mismatch(fmt.Sprintf("%d for a token a second after its end", status), "401")
	}
	return fmt.Sprintf("a token of %d s is accepted at first and refused afterwards", lifeOfExpired), err
}

func (c *suite) wrongAudience(ctx context.Context) (string, error) {
	return "a genuine token for another audience is refused", c.expectMintRefused(ctx, c.stack.Realm.Name, "")
}

func (c *suite) wrongIssuer(ctx context.Context) (string, error) {
	return "a genuine token of realm master is refused", c.expectMintRefused(ctx, masterRealm, c.stack.Realm.ClientID)
}

// expectMintRefused tries a token of a client of the realm, for the audience; the control is one
// of MLflow's realm for MLflow.
func (c *suite) expectMintRefused(ctx context.Context, realm, audience string) error {
	var made [2]string
	for i, with := range []struct{ realm, audience string }{{realm, audience}, {c.stack.Realm.Name, c.stack.Realm.ClientID}} {
		m, err := c.newMint(ctx, with.realm, with.audience, 60)
		if err == nil {
			made[i], err = c.token(ctx, m)
		}
		if err != nil {
			return check.NotRun(err)
		}
	}
	return c.expectRefused(ctx, made[1], map[string]string{"a genuine token that is not for MLflow": made[0]})
}

// lifeOf returns the total lifetime of a token.
func lifeOf(token string) (time.Duration, error) {
	var claims jwt.Claims
	if err := scenario.Claims(token, &claims); err != nil {
		return 0, err
	}
	life := claims.Expiry.Time().Sub(claims.IssuedAt.Time())
	if claims.Expiry == nil || claims.IssuedAt == nil || life <= 0 {
		return 0, errors.New("the token does not say how long it lives")
	}
	return life, nil
}
