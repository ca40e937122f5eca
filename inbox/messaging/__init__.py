"""The company's accounts with messengers: what comes in, what is fetched, how we get in."""
