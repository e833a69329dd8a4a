#!/usr/bin/env bash
# Registers the applications of the conformance suite at a deployment, through its own command line
# (the arguments), and writes the suite's configuration on standard output.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: PUBLIC_URL=https://… $0 <command of the deployment>..." >&2; exit 2; }
: "${PUBLIC_URL:?is the address of the deployment}"
suite=${CONFORMANCE_SERVER:-https://localhost.emobix.co.uk:8443}
alias=${CONFORMANCE_ALIAS:-intellistack}
base=$suite/test/a/$alias

register() { # <name> <client authentication>: one application, as the suite knows it
  "${intellistack[@]}" clients create --name "$1" \
    --redirect-uri "$base/callback" --redirect-uri "$base/callback?dummy1=lorem&dummy2=ipsum" \
    --post-logout-redirect-uri "$base/post_logout_redirect" \
    --backchannel-logout-uri "$base/backchannel_logout" \
    --grant-type authorization_code --grant-type refresh_token \
    --scope "openid profile email address phone offline_access" \
    --metadata "{\"token_endpoint_auth_method\":\"$2\",\"require_pkce\":false}"
}

intellistack=("$@")
client=$(register "Conformance" client_secret_basic)
client2=$(register "Conformance 2" client_secret_basic)
secret_post=$(register "Conformance, secret in the body" client_secret_post)

python3 - "$PUBLIC_URL" "$alias" "$client" "$client2" "$secret_post" <<'PYTHON'
import json
import sys

public_url, alias, *clients = sys.argv[1:]


def known(text):
    made = json.loads(text)
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


client, client2, secret_post = map(known, clients)
json.dump(
    {
        "alias": alias,
        "description": "IntelliStack",
        "server": {"discoveryUrl": f"{public_url}/api/auth/.well-known/openid-configuration"},
        "client": client,
        "client2": client2,
        "client_secret_post": secret_post,
    },
    sys.stdout,
    indent=2,
)
PYTHON
