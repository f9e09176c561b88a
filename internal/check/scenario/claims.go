package scenario

import (
	"errors"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Claims reads the claims of a token that Keycloak has just issued, without verifying its
// signature. Its error does not repeat the token.
func Claims(token string, into any) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err == nil {
		err = parsed.UnsafeClaimsWithoutVerification(into)
	}
	if err != nil {
		return errors.New("the token's claims cannot be read, want a JWT that is signed with RS256")
	}
	return nil
}
