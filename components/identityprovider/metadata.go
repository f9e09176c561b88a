package identityprovider

// Discovery is what an OpenID Connect provider publishes about itself.
type Discovery struct{ Issuer, Authorization, Token, Keys, UserInfo string }
