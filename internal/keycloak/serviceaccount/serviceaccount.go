// Package serviceaccount fetches tokens of a stack's service accounts, and prints the credentials
// with which a job fetches them itself.
//
// It requests tokens at Keycloak's public address, as a job does, so what works here works there.
// Write prints the secret, which is its purpose; no error contains it.
package serviceaccount

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// TokenURL returns the token endpoint for a stack's service accounts.
func TokenURL(deployed outputs.Stack) string {
	return deployed.Realm.Issuer + "/protocol/openid-connect/token"
}

// Token gets an access token. Print it only on purpose.
func Token(ctx context.Context, way *http.Client, deployed outputs.Stack, account outputs.ServiceAccount) (string, error) {
	token, err := ask(ctx, way, deployed, account)
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// IDToken gets a token of the same account, with the same signature, whose audience is the
// account's client and not MLflow.
func IDToken(ctx context.Context, way *http.Client, deployed outputs.Stack, account outputs.ServiceAccount) (string, error) {
	token, err := ask(ctx, way, deployed, account, "openid")
	if err != nil {
		return "", err
	}
	id, _ := token.Extra("id_token").(string)
	if id == "" {
		return "", fmt.Errorf("token of %s: got no ID token, want one for the scope openid", account.Name)
	}
	return id, nil
}

func ask(ctx context.Context, way *http.Client, deployed outputs.Stack, account outputs.ServiceAccount, scopes ...string) (*oauth2.Token, error) {
	asking := clientcredentials.Config{
		ClientID: account.Name, ClientSecret: account.Secret, TokenURL: TokenURL(deployed), Scopes: scopes, AuthStyle: oauth2.AuthStyleInHeader,
	}
	token, err := asking.Token(context.WithValue(ctx, oauth2.HTTPClient, way))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused):
		return nil, fmt.Errorf("token of %s: Keycloak at %s answers %s (%s %s); `mlflow-sso up --refresh` sets the account back",
			account.Name, TokenURL(deployed), refused.Response.Status, refused.ErrorCode, refused.ErrorDescription)
	case err != nil:
		return nil, fmt.Errorf("token of %s: %w", account.Name, err)
	}
	return token, nil
}
