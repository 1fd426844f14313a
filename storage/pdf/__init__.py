"""The paper: what a report says, as PDF bytes; the same bytes for the same content."""
