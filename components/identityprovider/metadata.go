package identityprovider

// Discovery is the discovery document of an OpenID Connect provider.
type Discovery struct{ Issuer, Authorization, Token, Keys, UserInfo string }
