"""Undo the soft line breaks of format=flowed (RFC 3676)."""


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Join lines that end in a space with the next of the same quote depth."""
    out: list[str] = []
    open_depth = -1  # quote depth of a paragraph that goes on, or -1
    paragraph: list[str] = []
    for line in text.split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare.removeprefix(" ")
        signature = bare == "-- "
        if open_depth >= 0 and (signature or depth != open_depth):
            out.append(_quoted(open_depth, paragraph))
            paragraph, open_depth = [], -1
        flows = bare.endswith(" ") and not signature
        paragraph.append(bare[:-1] if flows and delete_space else bare)
        if flows:
            open_depth = depth
        else:
            out.append(_quoted(depth, paragraph))
            paragraph, open_depth = [], -1
    if paragraph:
        out.append(_quoted(open_depth, paragraph))
    return "\n".join(out)


def _quoted(depth: int, paragraph: list[str]) -> str:
    text = "".join(paragraph)
    return ">" * depth + (" " if depth and text else "") + text
