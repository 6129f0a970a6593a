"""The hub: one canonical store of contacts and campaigns that a company's marketing stack agrees with."""
