"""REST at /api/v1: shapes say what goes in and out; the OpenAPI document is made of them."""
