"""Search: words folded alike in what is kept and in what is asked, on either database."""
