# set -a; . ./CLIENT.env; set +a; python3 first.py
import base64, os
from urllib.request import Request, urlopen

issuer, client = os.environ["OAUTH_ISSUER"], os.environ["OAUTH_CLIENT_ID"]
basic = base64.b64encode(f"{client}:{os.environ['OAUTH_CLIENT_SECRET']}".encode()).decode()
request = Request(f"{issuer}/oauth2/token", data=b"grant_type=client_credentials")
request.add_header("Authorization", f"Basic {basic}")
print(urlopen(request).read().decode())
