"""Motion that nobody could record: falls by physics, and lying down, getting up and sitting down from key poses."""
