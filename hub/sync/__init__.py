"""A feed's way through the house: discover, claim, read, stage, compare, apply, report; one small module a step."""
