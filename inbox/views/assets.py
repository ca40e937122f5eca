"""Static files, read once at start: nothing of the file system is reachable by a request."""

import gzip
import hashlib
from pathlib import Path

from litestar import Response, get
from litestar.params import FromPath

from inbox.errors import NotFound
from inbox.views.site import Asset, HttpRequest, site

FOLDER = Path(__file__).parent.parent / "static"
TYPES = {
    ".css": "text/css",  # the framework names the charset
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}


def load() -> dict[str, Asset]:
    """Read every static file and compress it where that helps."""
    return {
        path.relative_to(FOLDER).as_posix(): _asset(path)
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES
    }


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    name = path.relative_to(FOLDER).as_posix()
    mark = hashlib.sha256(content).hexdigest()[:12]
    packed = b"" if path.suffix == ".woff2" else gzip.compress(content, 9, mtime=0)
    return Asset(f"/static/{name}?{mark}", TYPES[path.suffix], content, packed)


@get("/static/{name:path}", opt={"access": "link"})
async def static_file(request: HttpRequest, name: FromPath[str]) -> Response[bytes]:
    """Serve a file under an address that changes with its content, for ever."""
    asset = site(request).assets.get(str(name).lstrip("/"))
    if asset is None:
        raise NotFound("There is no such file.")
    return answer_with(request, asset, {"cache-control": "public, max-age=31536000, immutable"})


def answer_with(request: HttpRequest, asset: Asset, headers: dict[str, str]) -> Response[bytes]:
    """Return a static file, packed for whoever takes it so."""
    content = asset.plain
    if asset.gzipped and "gzip" in request.headers.get("accept-encoding", ""):
        content = asset.gzipped
        headers = headers | {"content-encoding": "gzip", "vary": "accept-encoding"}
    return Response(content, media_type=asset.content_type, headers=headers)
