"""The Paywize merchant API as specs/paywize.md describes it."""
