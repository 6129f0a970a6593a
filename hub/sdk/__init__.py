"""All a connector may import: values of the wire, protocols of streams and sinks, auth as data, faults."""
