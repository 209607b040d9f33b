"""Where initial weights come from: one module a source, each with `fetch(**options) -> Initial`."""
