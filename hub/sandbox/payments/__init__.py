"""Payment providers to pay nothing with: Lyra REST V4, vads form, PayFiP, Stripe, on one port. See README.md.

Written from the wire's side: it shares no code with the plugins it is there to try.
"""

from hub.sandbox.payments.server import PaymentServer

__all__ = ["PaymentServer"]
