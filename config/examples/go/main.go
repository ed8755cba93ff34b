// A small API with net/http, guarded by go-jose. See README.md beside this file.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
)

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func list(w http.ResponseWriter, r *http.Request) {
	claims := ClaimsOf(r)
	answer(w, http.StatusOK, map[string]any{"forms": []string{}, "for": claims.Subject, "client": claims.ClientID})
}

func create(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{"created": true, "for": ClaimsOf(r).Subject})
}

func main() {
	issuer := setting("ISSUER", "http://127.0.0.1:8080")
	audience := setting("AUDIENCE", issuer)
	keys := NewKeys(issuer + "/oauth2/jwks")
	verify := func(token string) (*Claims, error) { return Verify(keys, issuer, audience, token) }

	routes := http.NewServeMux()
	routes.Handle("GET /api/forms", Guard("api::form.form.find", verify, list))
	routes.Handle("POST /api/forms", Guard("api::form.form.create", verify, create))
	// The same, but asked at the server each time: what is permitted now.
	if id, secret := os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"); id != "" && secret != "" {
		ask := func(token string) (*Claims, error) { return Introspect(issuer, audience, id, secret, token) }
		routes.Handle("GET /live/forms", Guard("api::form.form.find", ask, list))
	}
	log.Fatal(http.ListenAndServe(setting("LISTEN", "127.0.0.1:3000"), routes))
}
