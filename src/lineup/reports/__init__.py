"""Published reports: what they claim of their models, and what they fix of how these are trained."""
