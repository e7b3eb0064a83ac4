"""The two drivers of a gateway's flows: one blocks (workers), one awaits (the triggerer). Too small to hold a bug."""
