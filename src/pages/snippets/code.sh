set -a; . ./CLIENT.env; set +a
enc() { printf %s "$1" | jq -sRr @uri; }
VERIFIER=$(openssl rand -hex 32); STATE=$(openssl rand -hex 16)
CHALLENGE=$(printf %s "$VERIFIER" | openssl dgst -sha256 -binary | basenc --base64url | tr -d =)
echo "Open $OAUTH_ISSUER/oauth2/authorize?response_type=code&client_id=$(enc "$OAUTH_CLIENT_ID")&redirect_uri=$(enc "$OAUTH_REDIRECT_URI")&state=$STATE&code_challenge=$CHALLENGE&code_challenge_method=S256"
echo "Paste the address that the browser came to:"
read -r CAME
case $CAME in *"state=$STATE"*) ;; *) echo "not the answer to this request"; exit 1 ;; esac
CODE=${CAME#*code=}; CODE=${CODE%%[&#]*}
curl -s "$OAUTH_ISSUER/oauth2/token" ${OAUTH_CLIENT_SECRET:+-u "$OAUTH_CLIENT_ID:$OAUTH_CLIENT_SECRET"} \
  --data-urlencode "client_id=$OAUTH_CLIENT_ID" -d grant_type=authorization_code -d "code=$CODE" \
  --data-urlencode "redirect_uri=$OAUTH_REDIRECT_URI" -d "code_verifier=$VERIFIER"
