"""Pages without a script: the frame of signing in, and the name of a device."""

MARK = (
    '<svg class="mark" viewBox="0 0 48 48" aria-hidden="true"><rect width="48" height="48" rx="9"/><g>'
    '<ellipse cx="14.5" cy="17" rx="9.5" ry="3.5" transform="rotate(14 24 19)"/>'
    '<ellipse cx="33.5" cy="17" rx="9.5" ry="3.5" transform="rotate(-14 24 19)"/>'
    '<ellipse cx="15.5" cy="23" rx="8.5" ry="3" transform="rotate(-14 24 22)" opacity=".75"/>'
    '<ellipse cx="32.5" cy="23" rx="8.5" ry="3" transform="rotate(14 24 22)" opacity=".75"/>'
    '<rect x="22.7" y="14" width="2.6" height="26" rx="1.3"/><circle cx="24" cy="12" r="3.1"/></g></svg>'
)
BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def frame(language: str, title: str, inner: str) -> str:
    """A whole page; title and inner are HTML already."""
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Dragonfly-Med</title>
<link rel="stylesheet" href="/static/login.css">
<link rel="icon" href="/favicon.ico">
</head>
<body>
<main>
{MARK}
<h1>Dragonfly-Med</h1>
{inner}
</main>
</body>
</html>"""


def device_of(user_agent: str) -> str:
    """Browser and system by name, as far as they say; nothing else of what a browser tells is kept."""
    found = [next((name for sign, name in signs if sign in user_agent), "") for signs in (BROWSERS, SYSTEMS)]
    return " · ".join(part for part in found if part)
