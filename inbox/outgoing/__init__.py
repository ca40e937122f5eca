"""Mail that leaves, as rows: what answers are made of, what stops, what is tried again."""
