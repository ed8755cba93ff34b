package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var (
	errBad         = errors.New("the token is not good")
	errUnavailable = errors.New("the issuer does not answer")
	client         = &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errUnavailable },
	}
	algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}
)

const (
	life   = 10 * time.Minute // of keys
	floor  = 5 * time.Second  // between two questions for keys
	stale  = time.Hour        // keys stand so much longer while the issuer is away
	leeway = 30 * time.Second
)

// Claims are what a good access token says (RFC 9068).
type Claims struct {
	jwt.Claims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// Keys are the issuer's public keys.
type Keys struct {
	url            string
	mutex          sync.Mutex
	set            jose.JSONWebKeySet
	fetched, asked time.Time
}

// NewKeys reads keys from an address when they are first needed.
func NewKeys(url string) *Keys { return &Keys{url: url} }

// Get answers the key of that name, or nil if the issuer has none.
func (k *Keys) Get(kid string) (*jose.JSONWebKey, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	old := time.Since(k.fetched) >= life
	if (old || len(k.set.Key(kid)) == 0) && time.Since(k.asked) >= floor {
		k.asked = time.Now()
		if set, err := fetch(k.url); err == nil {
			k.set, k.fetched = set, time.Now()
		}
	}
	if time.Since(k.fetched) >= life+stale {
		return nil, errUnavailable
	}
	if found := k.set.Key(kid); len(found) == 1 {
		return &found[0], nil
	}
	return nil, nil
}

func fetch(url string) (set jose.JSONWebKeySet, err error) {
	answer, err := client.Get(url)
	if err != nil {
		return set, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return set, errUnavailable
	}
	return set, json.NewDecoder(io.LimitReader(answer.Body, 256*1024)).Decode(&set)
}

// Verify checks type, key, the key's own algorithm, signature, issuer, audience and times.
func Verify(keys *Keys, issuer, audience, token string) (*Claims, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return nil, errBad
	}
	header := parsed.Headers[0]
	typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
	if typ = strings.ToLower(typ); typ != "at+jwt" && typ != "application/at+jwt" {
		return nil, errBad
	}
	key, err := keys.Get(header.KeyID)
	if err != nil {
		return nil, err
	}
	if key == nil || !key.IsPublic() || key.Algorithm != header.Algorithm {
		return nil, errBad
	}
	claims := &Claims{}
	if err := parsed.Claims(key.Key, claims); err != nil {
		return nil, errBad
	}
	expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: time.Now()}
	if claims.Expiry == nil || claims.Subject == "" || claims.ClientID == "" {
		return nil, errBad
	}
	if err := claims.ValidateWithLeeway(expected, leeway); err != nil {
		return nil, errBad
	}
	return claims, nil
}

// Introspect asks the issuer what the token may do now. The answer is never kept.
func Introspect(issuer, audience, id, secret, token string) (*Claims, error) {
	form := url.Values{"token": {token}}.Encode()
	request, err := http.NewRequest(http.MethodPost, issuer+"/oauth2/introspect", strings.NewReader(form))
	if err != nil {
		return nil, errUnavailable
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	answer, err := client.Do(request)
	if err != nil {
		return nil, errUnavailable
	}
	defer answer.Body.Close()
	var claims struct {
		Claims
		Active bool `json:"active"`
	}
	body := json.NewDecoder(io.LimitReader(answer.Body, 256*1024))
	if answer.StatusCode != http.StatusOK || body.Decode(&claims) != nil {
		return nil, errUnavailable
	}
	if !claims.Active || claims.Issuer != issuer || !claims.Audience.Contains(audience) {
		return nil, errBad
	}
	return &claims.Claims, nil
}

type key struct{}

// ClaimsOf are the claims of a request that a guard let through.
func ClaimsOf(r *http.Request) *Claims { return r.Context().Value(key{}).(*Claims) }

// Guard lets a request through with a good token that carries the scope (RFC 6750).
func Guard(scope string, check func(string) (*Claims, error), next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, challenge, code string) {
			w.Header().Set("WWW-Authenticate", challenge)
			answer(w, status, map[string]string{"error": code})
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header.Values("Authorization")) != 1 {
			refuse(http.StatusUnauthorized, "Bearer", "invalid_token")
			return
		}
		claims, err := check(token)
		switch {
		case errors.Is(err, errUnavailable):
			w.Header().Set("Retry-After", "5")
			answer(w, http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
		case err != nil:
			refuse(http.StatusUnauthorized, `Bearer error="invalid_token"`, "invalid_token")
		case !slices.Contains(strings.Fields(claims.Scope), scope):
			challenge := fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s"`, scope)
			refuse(http.StatusForbidden, challenge, "insufficient_scope")
		default:
			next(w, r.WithContext(context.WithValue(r.Context(), key{}, claims)))
		}
	})
}
