"""Paywize (India): payouts by IMPS, NEFT and RTGS, UPI collections. Facts and sources: specs/paywize.md."""
