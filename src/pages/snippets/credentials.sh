set -a; . ./CLIENT.env; set +a
curl -s "$OAUTH_ISSUER/oauth2/token" -u "$OAUTH_CLIENT_ID:$OAUTH_CLIENT_SECRET" -d grant_type=client_credentials
