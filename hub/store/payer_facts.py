"""What a provider may have to be told of who pays: an e-mail address, numbers printed on the rent notice; no name."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Payer:
    """Facts of a payment's payer and accounts; empty where the ERP gives none."""

    email: str
    contract_reference: str
    customer_reference: str
    account_numbers: tuple[str, ...]


_FACTS = text("""
    select coalesce(p.email, '') as email,
        coalesce((select c.reference from payment_part t
            join account_contract ac on ac.landlord_id = t.landlord_id and ac.account_id = t.account_id
            join contract c on c.landlord_id = ac.landlord_id and c.id = ac.contract_id
            where t.landlord_id = pay.landlord_id and t.payment_id = pay.id and ac.missing_since is null
            order by c.starts_on desc, c.id limit 1), '') as contract_reference,
        coalesce((select c.customer_ref from payment_part t
            join account_contract ac on ac.landlord_id = t.landlord_id and ac.account_id = t.account_id
            join contract c on c.landlord_id = ac.landlord_id and c.id = ac.contract_id
            where t.landlord_id = pay.landlord_id and t.payment_id = pay.id and ac.missing_since is null
            order by c.starts_on desc, c.id limit 1), '') as customer_reference,
        array(select a.number from payment_part t
            join account a on a.landlord_id = t.landlord_id and a.id = t.account_id
            where t.landlord_id = pay.landlord_id and t.payment_id = pay.id order by a.number) as account_numbers
    from payment pay join person p on p.landlord_id = pay.landlord_id and p.id = pay.person_id
    where pay.id = :id""")


async def payer_of(conn: AsyncConnection, payment_id: UUID) -> Payer | None:
    """Who pays a payment of the transaction's landlord."""
    row = (await conn.execute(_FACTS, {"id": payment_id})).one_or_none()
    if row is None:
        return None
    return Payer(row.email, row.contract_reference, row.customer_reference, tuple(row.account_numbers))
