"""What ``checkov --external-checks-dir "$(averment rules path)"`` loads."""
