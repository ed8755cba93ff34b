# set -a; . ./CLIENT.env; set +a; python3 first.py
import base64, hashlib, os, secrets
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

issuer, client = os.environ["OAUTH_ISSUER"], os.environ["OAUTH_CLIENT_ID"]
redirect, secret = os.environ["OAUTH_REDIRECT_URI"], os.environ.get("OAUTH_CLIENT_SECRET")
verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
query = {"response_type": "code", "client_id": client, "redirect_uri": redirect, "state": state,
         "code_challenge": challenge, "code_challenge_method": "S256"}
print(f"Open {issuer}/oauth2/authorize?{urlencode(query)}", flush=True)
came = parse_qs(urlsplit(input("Paste the address that the browser came to:\n")).query)
if came["state"] != [state] or came["iss"] != [issuer]:
    raise SystemExit("not the answer to this request")
form = {"grant_type": "authorization_code", "code": came["code"][0], "redirect_uri": redirect,
        "code_verifier": verifier, "client_id": client}
request = Request(f"{issuer}/oauth2/token", data=urlencode(form).encode())
if secret:
    basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
    request.add_header("Authorization", f"Basic {basic}")
print(urlopen(request).read().decode())
