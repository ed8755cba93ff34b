set -a; . ./CLIENT.env; set +a
b64() { basenc --base64url -w0 | tr -d =; }
NOW=$(date +%s); HEAD=$(printf '{"alg":"RS256"}' | b64)
CLAIMS=$(printf '{"iss":"%s","sub":"%s","aud":"%s","exp":%s,"jti":"%s"}' "$OAUTH_CLIENT_ID" "$OAUTH_CLIENT_ID" \
  "$OAUTH_ISSUER" $((NOW + 120)) "$(openssl rand -hex 16)" | b64)
printf '%b' "$OAUTH_PRIVATE_KEY" > CLIENT.key.pem
SIGNATURE=$(printf %s "$HEAD.$CLAIMS" | openssl dgst -sha256 -sign CLIENT.key.pem -binary | b64)
rm CLIENT.key.pem
curl -s "$OAUTH_ISSUER/oauth2/token" -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer \
  -d "assertion=$HEAD.$CLAIMS.$SIGNATURE"
