"""Jobs: pull, reconcile, push, sweep, verify, backfill. They say *when*; the engine says what, the store says what is.

Every job is level-triggered: a wake-up carries a key, never news, and a job may run twice, late or never.
"""
