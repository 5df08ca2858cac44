"""A small housing world: three invented landlords whose ERPs speak SOAP and SFTP for real. See README.md.

Written from the wire's side: it shares no parsing with the connectors it is there to try.
"""

from hub.sandbox.bookings import Booking, read_bookings
from hub.sandbox.model import Landlord, World
from hub.sandbox.profiles import DEMO_CONTRACT, DEMO_PERSON, GUIDE_ACCOUNT, GUIDE_CONTRACT
from hub.sandbox.server import Sandbox, truth_of
from hub.sandbox.truth import truth
from hub.sandbox.world import advance, build_world

__all__ = [
    "DEMO_CONTRACT",
    "DEMO_PERSON",
    "GUIDE_ACCOUNT",
    "GUIDE_CONTRACT",
    "Booking",
    "Landlord",
    "Sandbox",
    "World",
    "advance",
    "build_world",
    "read_bookings",
    "truth",
    "truth_of",
]
