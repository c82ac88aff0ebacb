"""What is a link in a message: the page's script and the server answer the same to each of these."""

# text, and the links in it, each with its title: the host that the browser asks for where it looks like another one
CASES: list[tuple[str, list[tuple[str, str]]]] = [
    ("see https://example.com/a?b=1&c=2.", [("https://example.com/a?b=1&c=2", "")]),
    ("(https://example.com/c_(d))", [("https://example.com/c_(d)", "")]),
    ("[https://example.com/c] and https://example.com/d[1]", [("https://example.com/c", ""), ("https://example.com/d", "")]),
    ("(https://example.com/c), or not", [("https://example.com/c", "")]),
    ("wait, https://example.com/a… or https://example.com/b?!", [("https://example.com/a", ""), ("https://example.com/b", "")]),
    ("中文https://example.com/a看看", [("https://example.com/a", "")]),
    ("見てhttps://example.com/aを 봐https://example.com/b요", [("https://example.com/a", ""), ("https://example.com/b", "")]),
    ("他说：https://example.com/a。“https://example.com/b”", [("https://example.com/a", ""), ("https://example.com/b", "")]),
    ("https://example.com/\u202egpj.exe end", [("https://example.com/", "")]),
    ("https://example.com/a\u2066b\u2069 https://example.com/c\u200fd", [("https://example.com/a", ""), ("https://example.com/c", "")]),
    ("https://example.com/a\u200bb", [("https://example.com/a", "")]),
    ("https://bücher.example/é", [("https://bücher.example/é", "xn--bcher-kva.example")]),
    ("https://\u0430pple.example:8443/", [("https://\u0430pple.example:8443/", "xn--pple-43d.example:8443")]),
    ("HTTP://EXAMPLE.COM/A", [("HTTP://EXAMPLE.COM/A", "")]),
    ("http://127.0.0.1:8000/a http://localhost/", [("http://127.0.0.1:8000/a", ""), ("http://localhost/", "")]),
    ("<a href='https://example.com/x'>x</a>", [("https://example.com/x", "")]),
    ("https://bank.example@evil.example/ https://a:b@evil.example", []),
    ("javascript:alert(1) data:text/html,x ftp://example.com/ https:// https://... http://[ https://[x] https://a:99999/", []),
]
