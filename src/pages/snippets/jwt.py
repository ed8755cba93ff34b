# pip install pyjwt[crypto]; set -a; . ./CLIENT.env; set +a; python3 first.py
import os, time, uuid
from urllib.parse import urlencode
from urllib.request import urlopen

import jwt

issuer, client = os.environ["OAUTH_ISSUER"], os.environ["OAUTH_CLIENT_ID"]
key = os.environ["OAUTH_PRIVATE_KEY"].replace("\\n", "\n")
now = int(time.time())
claims = {"iss": client, "sub": client, "aud": issuer, "iat": now, "exp": now + 120, "jti": str(uuid.uuid4())}
form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": jwt.encode(claims, key, algorithm="RS256")}
print(urlopen(f"{issuer}/oauth2/token", urlencode(form).encode()).read().decode())
