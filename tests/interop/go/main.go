// golang.org/x/oauth2, unmodified, against a running server: code + PKCE, both ways of sending a secret, client
// credentials, and jwt-bearer by its package jwt.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var server struct {
		Issuer    string `json:"issuer"`
		Token     string `json:"token_endpoint"`
		Authorize string `json:"authorization_endpoint"`
	}
	if err := get(os.Getenv("ISSUER")+"/.well-known/oauth-authorization-server", &server); err != nil {
		return err
	}
	scopes := strings.Fields(os.Getenv("SCOPE"))
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams, oauth2.AuthStyleAutoDetect} {
		config := oauth2.Config{
			ClientID:     os.Getenv("CONFIDENTIAL_ID"),
			ClientSecret: os.Getenv("CONFIDENTIAL_SECRET"),
			RedirectURL:  os.Getenv("REDIRECT_URI"),
			Scopes:       scopes,
			Endpoint:     oauth2.Endpoint{AuthURL: server.Authorize, TokenURL: server.Token, AuthStyle: style},
		}
		if err := codeGrant(ctx, &config); err != nil {
			return fmt.Errorf("code, style %d: %w", style, err)
		}
	}
	public := oauth2.Config{
		ClientID:    os.Getenv("PUBLIC_ID"),
		RedirectURL: os.Getenv("REDIRECT_URI"),
		Scopes:      scopes,
		Endpoint:    oauth2.Endpoint{AuthURL: server.Authorize, TokenURL: server.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
	if err := codeGrant(ctx, &public); err != nil {
		return fmt.Errorf("public client: %w", err)
	}
	machine := clientcredentials.Config{
		ClientID:     os.Getenv("MACHINE_ID"),
		ClientSecret: os.Getenv("MACHINE_SECRET"),
		TokenURL:     server.Token,
		Scopes:       scopes[:1],
	}
	token, err := machine.Token(ctx)
	if err != nil || token.Extra("scope") != scopes[0] {
		return fmt.Errorf("client credentials: %v %w", token, err)
	}
	service := jwt.Config{
		Email:      os.Getenv("SERVICE_ID"),
		Subject:    os.Getenv("SERVICE_ID"),
		PrivateKey: []byte(os.Getenv("SERVICE_KEY")),
		TokenURL:   server.Token,
		Audience:   server.Issuer,
		Expires:    120e9,
		// The package has no jti of its own, which RFC 7523 lets a server ask for.
		PrivateClaims: map[string]any{"jti": os.Getenv("JTI")},
	}
	token, err = service.TokenSource(ctx).Token()
	if err != nil || token.TokenType != "Bearer" {
		return fmt.Errorf("jwt-bearer: %v %w", token, err)
	}
	return nil
}

func codeGrant(ctx context.Context, config *oauth2.Config) error {
	verifier := oauth2.GenerateVerifier()
	answer, err := approve(config.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		return err
	}
	if answer.Get("state") != "state" || answer.Get("iss") == "" {
		return fmt.Errorf("the answer is %v", answer)
	}
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	if !token.Valid() || token.Expiry.IsZero() {
		return fmt.Errorf("the token is %v", token)
	}
	var refused *oauth2.RetrieveError
	_, err = config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" || refused.ErrorURI == "" {
		return fmt.Errorf("a code that was used gave %v", err)
	}
	return nil
}

// approve says yes as the user, as a custom consent page has it.
func approve(authorization string) (url.Values, error) {
	asked, err := url.Parse(authorization)
	if err != nil {
		return nil, err
	}
	query := asked.Query()
	body, err := json.Marshal(map[string]any{
		"approve":             true,
		"clientId":            query.Get("client_id"),
		"redirectUri":         query.Get("redirect_uri"),
		"scopes":              strings.Fields(query.Get("scope")),
		"state":               query.Get("state"),
		"codeChallenge":       query.Get("code_challenge"),
		"codeChallengeMethod": query.Get("code_challenge_method"),
	})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, os.Getenv("CONSENT_URL"), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("USER_TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	var decided struct {
		RedirectURI string `json:"redirectUri"`
	}
	if err := read(http.DefaultClient.Do(request))(&decided); err != nil {
		return nil, err
	}
	back, err := url.Parse(decided.RedirectURI)
	if err != nil {
		return nil, err
	}
	return back.Query(), nil
}

func get(address string, into any) error {
	return read(http.Get(address))(into)
}

func read(answer *http.Response, err error) func(into any) error {
	return func(into any) error {
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%d: %s", answer.StatusCode, text)
		}
		return json.Unmarshal(text, into)
	}
}
