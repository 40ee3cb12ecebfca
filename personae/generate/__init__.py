"""Ways to make personas: quotas, margins, rules, deduplication, and the recipes that use them."""
