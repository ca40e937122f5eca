"""How we did: asked once after a request is done, and what customers answered."""
