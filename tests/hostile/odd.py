"""What is odd: values, bodies, types, headers and ids that no honest client sends."""

from __future__ import annotations

import json
from typing import Any

from mockling.contract import load

CONTRACT = load()
EXAMPLE = json.dumps(CONTRACT.model.example)[:-1].encode()
V1, V2 = CONTRACT.path("generate").encode(), CONTRACT.path("submit").encode()
INPUTS = "https://inputs.mockling.example/"
JSON, FORM = "application/json", "multipart/form-data; boundary=cut"
CODES = (401, 403, 406, 429, 500, 502, 504)  # with which the key of a planned error ends

# fmt: off
ODD: list[Any] = [
    None, True, False, 0, 5, -1, 1.5, 10, 10.0, -1e300, 1e-9, 1e300, 10**400, "", " ", "5", "pro", "std", "x" * 3000,
    "\ud800\0", "a/\xe9", [], {}, [[]], [{}], [None], ["x", "http://["], "http://[", [5, None], "http://a@b:c/",
    "@image1 @image99999999 @imagex @image", [{"url": None, "seconds": None}, {"url": "x", "seconds": 3}, 5, None],
    ["https://e.com/a.png"] * 5, ["http://\ud800/"], [{"frontal_image_url": 5}], [{"url": 5, "seconds": "x"}],
    [{"reference_image_urls": ["x"] * 4}], [{"reference_image_urls": ["https://localhost/a.gif"]}] * 11,
    f"{INPUTS}truncated.mp4", f"{INPUTS}narrow.mp4", f"{INPUTS}silent.mp4", f"{INPUTS}not-a-video.mp4",
    "https://youtu.be/a", ["data:text/plain;base64,aGk="], ["data:,"] * 21, ["data:image/png;base64,aGk="],
    ["data:a/b;base64,#"] * 2, "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "' OR 1=1 --",
    "gopher://127.0.0.1:25/", "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "\u202e\u2066", "9" * 5000,
]
BODIES = [
    b"", b"{", b"nul", b"[1]", b'"a"', b"NaN", b'{"prompt": Infinity}', b"\xff\xfe{", b"\xef\xbb\xbf{}", b"{}{}", b"\0",
    b'{"a":1,"a":2}', b"[" * 40 + b"]" * 40, b'{"prompt":' + b"1" * 5000 + b"}", b'{"prompt": "\\ud800"}',
]
TYPES = [
    *[JSON] * 4, FORM, "multipart/form-data", "text/plain", "", "application/json; charset=utf-16", "\xff/\xfe",
    "APPLICATION/JSON ;", "multipart/form-data; boundary=", "application/x-www-form-urlencoded",
]
MORE: list[dict[str, str]] = [
    *[{}] * 6, {"range": "bytes=0-0"}, {"range": "bytes=-5"}, {"range": "bytes=9-1"}, {"range": "bytes=9999999999-"},
    {"range": "bytes=0-0,2-3"}, {"range": "x=1"}, {"range": "bytes=" + "0-," * 900}, {"if-none-match": "*"},
    {"if-match": "*"}, {"if-match": '"zz"'}, {"if-match": 'W/"'}, {"if-range": '"x"', "range": "bytes=0-1"},
    {"if-modified-since": "yesterday"}, {"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"},
    {"if-range": "Sat, 01 Jan 20000000000000 00:00:00 GMT", "range": "a"}, {"x-forwarded-prefix": "//x"},
    {"x-forwarded-for": "x"}, {"x-forwarded-host": "a b\xff"}, {"x-forwarded-proto": "javascript"}, {"x_api_key": "a"},
    {"x-forwarded-port": "-1"}, {"x-forwarded-host": "e.com", "x-forwarded-prefix": "/\xe9"}, {"date": "a"},
    {"cookie": "session=a.b.c"}, {"authorization": "Basic OjpB"}, {"accept-encoding": "gzip, br;q=x"},
    {"content-encoding": "gzip"}, {"origin": "https://evil.example"}, {"accept": "*/*;q=\xff"},
    {"x-http-method-override": "DELETE"}, {"transfer-encodings": "chunked"}, {"content-type": "text/plain"},
    {"x-api-key": "SG_0123456789abcdef"},
]
ID_FORMS = [
    "/v2/requests/{}", "/v2/requests/{}/status", "/v2/requests/{}/status", "/v1/requests/{}", "/generations/{}.mp4",
]
ODD_IDS = ["a", "", "..", "%00", "%2F", "%C3%A9", "%ED%A0%80", "%F0%9F%98%80", "x" * 900, "%0d%0a", "-1"]
PATHS = [  # at which there is nothing, or should be nothing
    "/", "//", "/v1", "/v1/", "/health", "/metrics", "/console", "/__admin", "/_mockling", "/journal", "/static/x",
    "/?__debugger__=yes&cmd=1", "/favicon.ico", "/openapi.json", "/%F0%9F%98%80?a=%00", "/v1/get-user-credits/",
    "/upload-asset/x",
]
METHODS = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT", b"OPTIONS", b"PATCH", b"PURGE", b"PRI", b"get",
    b"G\xc9T", b"GET\t", b"", b"\0", b"A" * 5000, b"SOURCE", b"M-SEARCH", b"PROPFIND", b"QUERY",
]
TARGETS = [
    b"/", b"*", b"", b"//", b"///v1", V1, V1 + b"/", b"/v1%2f" + V1[4:], b"http://a" + V1, b"HTTP://a:b@c:99999/",
    b"http://[::1", b"http://", b"a:80", b"[::1]:80", b"127.0.0.1:80", b"/../../etc/passwd", b"/assets/../../x",
    b"/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", b"/generations/..%5c..%5cx", b"/%00", b"/%", b"/%zz", b"/%c0%af",
    b"/a%0d%0aset-cookie:%20a=b", b"/?%0d%0a", b"/#a", b"/?" + b"a&" * 999, b"/\xe9", b"/\xff\xfe", b"/a b", b"?",
    b"#", b"/v2/requests/%ed%a0%80", b"/v2/requests/" + b"%2e" * 60, b"/v1/requests/;a=b", b"\\", b"/\\..\\",
]
VERSIONS = [
    *[b"HTTP/1.1"] * 6, b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/11", b"http/1.1", b"", b"HTTP/1.1 ",
    b"HTTP/-1.1", b"ICY/1.0", b"RTSP/1.0",
]
PROMISES = [  # headers that want more of a connection than an answer
    b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: YQ==\r\nsec-websocket-version: 13",
    b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQAAP__", b"te: trailers",
    b"upgrade: websocket", b"connection: upgrade", b"expect: 100-continue", b"expect: 200-ok", b"expect: ",
    b"connection: close", b"connection: close, keep-alive", b"connection: x-api-key, host", b"trailer: x-api-key",
    b"max-forwards: 0", b"proxy-connection: keep-alive", b"http2-settings: a",
]
FRAMINGS = [  # headers that leave open where a body of five bytes ends, or that say so wrongly
    b"content-length: 5\r\ntransfer-encoding: chunked",
    b"transfer-encoding: chunked\r\ncontent-length: 5",
    b"transfer-encoding: chunked\r\ntransfer-encoding: identity",
    b"transfer-encoding: identity, chunked",
    b"transfer-encoding: chunked, identity",
    b"transfer-encoding: xchunked",
    b"transfer-encoding:\x0bchunked",
    b"transfer-encoding : chunked",
    b"transfer-encoding\r\n : chunked",
    b"transfer_encoding: chunked\r\ncontent_length: 5\r\ncontent-length: 5",
    b"content-length: 5\r\ncontent-length: 6",
    b"content-length: 5\r\ncontent-length: 5",
    b"content-length: 5, 5",
    b"content-length: +5",
    b"content-length: -5",
    b"content-length: 0x5",
    b"content-length: 5 5",
    b"content-length: ",
    b"content-length: 5\r\n 0",
    b"content-length: \xb2",
    b"content-length: 99999999999999999999999999",
    b"content-length: 26214401",
    b"content-length: 9223372036854775807",
]
# fmt: on

_FIELD = b'--cut\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'
LARGE = [  # how such a body begins, what is in it again and again, and how it ends
    (b"", b"[", b""),
    (b"", b'{"a":', b""),
    (EXAMPLE + b', "prompt": "', b"@Image1 ", b'"}'),
    (EXAMPLE + b', "prompt": "', b"\\u0041", b'"}'),
    (EXAMPLE + b', "prompt": "', b"SG_0123456789abcde ", b'"}'),
    (EXAMPLE + b', "image_urls": [', b'"http://a/",', b'"x"]}'),
    (EXAMPLE + b', "elements": [', b"{},", b"{}]}"),
    (EXAMPLE + b', "elements": [', b'{"frontal_image_url": "http://a/a.png"},', b"{}]}"),
    (EXAMPLE, b', "k": 1', b"}"),
    (b'{"prompt": ', b"9", b"}"),
    (b'{"prompt": 1e', b"9", b"}"),
    (EXAMPLE + b', "video_url": "http://', b"a.", b'com"}'),
    (EXAMPLE + b', "image_urls": ["http://', b"a@", b'"]}'),
    (EXAMPLE + b', "prompt": "@Image', b"9", b'"}'),
    (EXAMPLE, b" ", b"}"),
    (EXAMPLE[:-1] + b"\\", b"\\\\", b'"}'),
    (_FIELD, _FIELD, b"--cut--\r\n"),
    (b"--cut\r\n", b"x: y\r\n", b""),
    (b"--cut\r\n\r\n", b"-", b""),
    (b"--cut\r\n\r\n", b"\r\n--cu", b""),
]
