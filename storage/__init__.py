"""What is kept: rows, files, the audit log and the paper."""
