"""Paytia: payment links, stored instruments, bank payouts and reports (specs/paytia.md). Pure: bytes and clock in, facts out."""
