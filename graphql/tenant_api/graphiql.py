"""GraphiQL for developers, from files of our own: it works without any other server.

The page reads `?query=…`, and a token from `#token=…`: what follows the # is never sent, so it reaches no log.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import HTMLResponse

FILES: Final = "static/graphiql"
# CodeMirror and the menus style their elements from scripts, hence 'unsafe-inline' for styles; never for scripts.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Housing Hub: tenant API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/graphiql/graphiql.min.css">
<link rel="stylesheet" href="/graphiql/page.css">
</head>
<body>
<div id="graphiql">Loading…</div>
<script src="/graphiql/react.production.min.js"></script>
<script src="/graphiql/react-dom.production.min.js"></script>
<script src="/graphiql/graphiql.min.js"></script>
<script src="/graphiql/page.js"></script>
</body>
</html>
"""


def page() -> HTMLResponse:
    """The page. It holds nothing of the request: `page.js` reads the address."""
    headers = {
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(_PAGE, headers=headers)
