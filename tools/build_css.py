"""Build ``inbox/static/*.css`` out of ``assets/css``; run it after editing a source.

The built files are committed, so users need neither this script nor Node.
``tests/unit/test_static_build.py`` builds again and compares.
"""

import gzip
import sys
from pathlib import Path

import lightningcss

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "assets" / "css"
STATIC = ROOT / "inbox" / "static"
TARGETS = ["safari >= 15.4", "chrome >= 105", "firefox >= 115"]
LAYERS = "@layer base, components, pages, utilities;\n"
COMMON = [("", "tokens"), ("base", "base"), ("components", "components")]
BUNDLES = {
    "app.css": [
        *COMMON,
        ("pages", "shell"),
        ("pages", "inbox"),
        ("pages", "review"),
        ("pages", "lists"),
        ("pages", "settings"),
        ("pages", "reports"),
        ("pages", "firstday"),
        ("utilities", "utilities"),
    ],
    "public.css": [*COMMON, ("pages", "public"), ("utilities", "utilities")],
    "shop.css": [("pages", "shop")],  # with public.css, in the demo only
}


def build(bundle: str) -> str:
    """Return the minified text of one bundle, with prefixes and fallbacks for TARGETS."""
    text = LAYERS
    for layer, name in BUNDLES[bundle]:
        body = (SOURCES / f"{name}.css").read_text(encoding="utf-8")
        text += f"@layer {layer} {{\n{body}\n}}\n" if layer else body
    built: str = lightningcss.process_stylesheet(
        text, filename=bundle, browsers_list=TARGETS, minify=True
    )
    return built


def main() -> None:
    """Write every bundle and say how large it became."""
    for bundle in BUNDLES:
        built = build(bundle)
        (STATIC / bundle).write_text(built, encoding="utf-8")
        packed = len(gzip.compress(built.encode(), 9))
        sys.stdout.write(f"{bundle:12} {len(built):6} bytes, {packed:6} gzipped\n")


if __name__ == "__main__":
    main()
