"""An SMTP server of other people's making for the tests of notices: prints `port N`, then each message that it took as one
line of JSON. What it does to a message depends on the recipient: `later@` gets 451, `never@` 550, `slow@` no answer."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        match address.split("@")[0]:
            case "later":
                return "451 4.3.0 come back later"
            case "never":
                return "550 5.1.1 nobody has that name"
            case "slow":
                await asyncio.sleep(600)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode("utf-8"),
            "tls": session.ssl is not None,
            "user": (session.auth_data or b"").decode() if session.authenticated else "",
        }
        print(json.dumps(taken), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.password == b"a good password"
    return AuthResult(success=good, auth_data=data.login if good else None)


def main():
    port, mode = int(sys.argv[1]), sys.argv[2]
    options = {}
    if mode == "starttls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        options = {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
    controller = Controller(Handler(), hostname="127.0.0.1", port=port, **options)
    controller.start()
    print(f"port {port}", flush=True)
    # The test ends this program by closing its standard input.
    sys.stdin.read()
    controller.stop()


main()
