"""For plugin authors: the contract suites a plugin is proved by, and the fakes it runs in.

`hub.testing.erp_contract` holds the promises of the ERP trade, `hub.testing.payment_contract` those of a payment
provider, `hub.testing.fakes` a clock, a state and a spool,
`hub.testing.servers` a small HTTP server to play an ERP with. Needs pytest.
"""
