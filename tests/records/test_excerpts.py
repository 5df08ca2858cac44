"""What is shown of a refused value: short, whatever its size, and without anybody's data at its end."""

from __future__ import annotations

import time

from hub.records import excerpt


def test_a_value_of_megabytes_is_cut_before_it_is_looked_through() -> None:
    began = time.process_time()
    assert "x" * 79 + "…" == excerpt("x" * 3_000_000)
    assert time.process_time() - began < 1


def test_a_mail_address_or_iban_that_the_cut_goes_through_is_outlined_to_the_cut() -> None:
    for secret in (f"zoe.{'m' * 60}@{'d' * 60}.example.org", "FR76 3000 6000 0112 3456 7890 189"):
        for place in range(60, 80):
            shown = excerpt("-" * (place - 1) + " " + secret) or ""
            assert shown.endswith("…")
            assert secret[: 79 - place] not in shown or not secret[: 79 - place], place
