"""How a result looks: text for terminals and logs, one HTML page for people."""
