"""What a landlord's file says about its PayFiP client number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hub.ports import ProviderSettings, setting

SERVICE = "https://www.payfip.gouv.fr/tpa/services/mas_securite/contrat_paiement_securise/PaiementSecuriseService"
PAGE = "https://www.payfip.gouv.fr/tpa/paiementws.web"
SAISIE = {"TEST": "T", "ACTIVATION": "X", "PRODUCTION": "W"}


class PayfipSettings(ProviderSettings):
    """PayFiP knows no password: the client number says for whom the treasury takes the money."""

    client_number: Annotated[str, Field(pattern=r"^\d{6}$")] = setting(
        "The client number (numcli) the DGFiP gave, six digits", example="006382"
    )
    mode: Literal["TEST", "ACTIVATION", "PRODUCTION"] = setting(
        "TEST and ACTIVATION while the contract is set up (saisie T and X), PRODUCTION afterwards (W)"
    )
    service: str = setting("Where calls go", default=SERVICE)
    page: str = setting("The page the tenant is sent to, with ?idop= added", default=PAGE)
    notify_over_http: bool = setting(
        "Have PayFiP notify over plain http, where it refuses this hub's certificate; a notification proves nothing",
        default=False,
    )
    seconds: int = setting("The longest a call may take, in seconds", default=25, ge=1, le=120)
